"""Jobs: what is run as one piece of work.

Belongs here: selections of assets with a name. Does not belong here: when they
run (sensors, schedules).
"""

from __future__ import annotations

import dagster as dg

__all__ = ["process_video"]

process_video = dg.define_asset_job(
    "process_video",
    selection=dg.AssetSelection.groups("footage", "spotlight", "holmes", "delivery"),
    # One process: starting one a step costs more than most steps.
    executor_def=dg.in_process_executor,
    description="From an uploaded video to its results in the drive.",
)
