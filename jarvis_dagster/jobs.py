"""Jobs: what is run as one piece of work.

Belongs here: selections of assets with a name. Does not belong here: when they
run (sensors, schedules).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.answering import services
from jarvis_dagster.assets.stored import everything_reads_back
from jarvis_dagster.assets.upkeep import every_byte_can_be_read_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

__all__ = [
    "CORRECTED",
    "apply_corrections",
    "back_up",
    "check_services",
    "decide_promotion",
    "deliver_results",
    "index_drives",
    "list_games",
    "made_of",
    "process_video",
    "promote_approved",
    "prune_storage",
    "queue_for_review",
    "read_labels",
    "recomputed",
    "report_autopilot",
    "report_week",
    "shadow_video",
    "sync_job",
    "verify_backups",
    "verify_storage",
]

CORRECTED = dg.AssetKey(["spotlight", "corrections"])
_FIRST = {  # kinds of corrections, and the asset that each changes
    "number": ("spotlight", "jersey_numbers"),
    "event_wrong": ("spotlight", "events"),
    "event_missed": ("spotlight", "events"),
}
_TRACKS = ("spotlight", "tracks")
_OF_A_VIDEO = dg.AssetSelection.groups(
    "footage", "spotlight", "holmes", "delivery"
) - dg.AssetSelection.assets(["holmes", "games"], ["holmes", "weekly_reports"])


def _job(
    name: str,
    selection: dg.AssetSelection,
    description: str,
    tags: dict[str, str] | None = None,
) -> UnresolvedAssetJobDefinition:
    """A job in one process: starting one a step costs more than most steps."""
    return dg.define_asset_job(
        name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=description,
        tags=tags,
    )


def _asset(*key: str) -> dg.AssetSelection:
    return dg.AssetSelection.assets(key)


list_games = _job("list_games", _asset("holmes", "games"), "The table of all games, made anew.")

apply_corrections = _job(
    "apply_corrections",
    # All that may have to be made again; a run names what it makes (:func:`recomputed`).
    _OF_A_VIDEO - dg.AssetSelection.groups("footage") - _asset("spotlight", "detections"),
    "A video's results again, as far as they depend on what a person corrected.",
)

queue_for_review = _job(
    "queue_for_review",
    _asset("toolchain", "review_queue"),
    "A task of the frames that a person should label.",
)

read_labels = _job("read_labels", _asset("toolchain", "labels"), "Corrected labels, read back.")

process_video = _job(
    "process_video", _OF_A_VIDEO, "From an uploaded video to its results in the drive."
)

deliver_results = _job(
    "deliver_results",
    _asset("delivery", "results"),
    "Results that a person has approved, to the drive.",
)

promote_approved = _job(
    "promote_approved",
    _asset("toolchain", "champion"),
    "A model that a person has approved becomes the champion.",
)

decide_promotion = _job(
    "decide_promotion",
    _asset("toolchain", "promotion_decision"),
    "The challenger judged against the champion; promoted if it is better.",
)

shadow_video = _job(
    "shadow_video",
    _asset("toolchain", "shadow_run"),
    "The challenger beside the champion on a video; nothing is delivered.",
    # After whatever somebody waits for.
    tags={"dagster/priority": "-10"},
)

_READ_BACKUPS = dg.AssetSelection.checks(every_byte_can_be_read_back)
_READ_STORE = dg.AssetSelection.checks(everything_reads_back)

back_up = _job(
    "back_up",
    _asset("upkeep", "backup") - _READ_BACKUPS,
    "Make a backup, and remove those that are too old.",
)

verify_backups = _job("verify_backups", _READ_BACKUPS, "Read all backups back.")

prune_storage = _job(
    "prune_storage",
    _asset("upkeep", "stored") - _READ_STORE,
    "Apply retention to the object store.",
)

verify_storage = _job("verify_storage", _READ_STORE, "Read the whole object store back.")

index_drives = _job(
    "index_drives",
    _asset("drives", "search_index"),
    "Bring the search index up to date with the drives.",
)

report_week = _job(
    "report_week",
    _asset("holmes", "weekly_reports"),
    "A week's reports of the teams and of the platform.",
)

report_autopilot = _job(
    "report_autopilot",
    dg.AssetSelection.groups("autopilot"),
    "How well videos are seen, and what the Autopilot decided.",
)

check_services = _job(
    "check_services",
    dg.AssetSelection.assets(services),
    "Ask every core service whether it works.",
    # A matter of seconds, and of no use later: before the videos that wait.
    tags={"dagster/priority": "10"},
)


@functools.cache  # a schedule and the definitions have to name the same job
def sync_job(name: str) -> UnresolvedAssetJobDefinition:
    """The job that brings one pair of folders in step."""
    return _job(
        f"synchronise_{name}",
        _asset("synchronised", name),
        "Bring two folders in step, both ways.",
    )


def recomputed(
    kinds: Iterable[str],
    graph: BaseAssetGraph[Any],
    made: Callable[[dg.AssetKey], bool] = lambda _: True,
) -> list[dg.AssetKey]:
    """The assets to make again after corrections of these kinds: what they change, and below.

    Detections are never among them where they are made: nothing that a person says of tracks
    changes boxes.

    Args:
        made: Whether an asset was ever made of the video; one that was analysed by an earlier
            version lacks those that are new since, and what needs them.
    """
    first = {dg.AssetKey(_FIRST.get(kind, _TRACKS)) for kind in kinds}
    known = graph.get_all_asset_keys()
    first = {key if key in known else dg.AssetKey(_TRACKS) for key in first}
    while True:
        below = (_OF_A_VIDEO & dg.AssetSelection.assets(*first).downstream()).resolve(graph)
        needed = (_OF_A_VIDEO & dg.AssetSelection.assets(*below).upstream()).resolve(graph)
        missing = {key for key in needed - below if key != CORRECTED and not made(key)}
        if not missing:
            return sorted({CORRECTED, *below})
        first |= missing


def made_of(instance: dg.DagsterInstance, partition: str) -> Callable[[dg.AssetKey], bool]:
    """Whether an asset was ever made of a video, as :func:`recomputed` asks."""
    return lambda key: partition in instance.get_materialized_partitions(key)
