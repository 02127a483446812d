"""Jobs: what is run as one piece of work.

Belongs here: selections of assets with a name. Does not belong here: when they
run (sensors, schedules).
"""

from __future__ import annotations

import dagster as dg

__all__ = ["list_games", "process_video"]

list_games = dg.define_asset_job(
    "list_games",
    selection=dg.AssetSelection.assets(["holmes", "games"]),
    executor_def=dg.in_process_executor,
    description="The table of all games, made anew.",
)

process_video = dg.define_asset_job(
    "process_video",
    selection=dg.AssetSelection.groups("footage", "spotlight", "holmes", "delivery")
    - dg.AssetSelection.assets(["holmes", "games"]),
    # One process: starting one a step costs more than most steps.
    executor_def=dg.in_process_executor,
    description="From an uploaded video to its results in the drive.",
)
