"""What stops a run before it changes anything.

Belongs here: signs that a side is not what it is taken for. Does not belong
here: what a run does otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.client_storage.sync.model import SIDES, other
from jarvis_dagster.services.client_storage.sync.names import composed
from jarvis_dagster.services.client_storage.sync.report import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jarvis_dagster.services.client_storage.sync.model import Agreed, Plan, Side, SideName
    from jarvis_dagster.services.client_storage.sync.options import SyncOptions
    from jarvis_dagster.services.client_storage.sync.tree import Listing

__all__ = ["check_deletes", "check_listings", "check_plan"]

_FEW = 2
"""So many files that all disappear are no longer taken for somebody's deleting a file."""


def check_listings(
    listings: Mapping[SideName, Listing],
    agreed: Mapping[str, Agreed],
    pair: str,
    options: SyncOptions,
    names: Mapping[SideName, str],
) -> Iterator[Reason]:
    """Whether each side is there, and the folder that it was.

    Args:
        pair: Whose markers the sides carry; empty where they carry none yet.
        names: What to call the sides in messages.
    """
    files = sum(not last.is_folder for last in agreed.values())
    for side in SIDES:
        listing = listings[side]
        if pair and pair not in listing.markers and not options.accept_missing_marker:
            yield Reason(
                "marker",
                f"{names[side]} has no jarvis-sync-{pair}.txt: it may be another folder, or a"
                " drive that is not connected. If it is the right one, accept that the marker"
                " is missing.",
            )
        if not listing.entries and files >= _FEW and not options.allow_empty:
            yield Reason(
                "empty",
                f"{names[side]} is empty, and held {files} files. If they are to be deleted on"
                " the other side, too, allow an empty side.",
            )


def check_plan(
    plan: Plan,
    agreed: Mapping[str, Agreed],
    listings: Mapping[SideName, Listing],
    options: SyncOptions,
    names: Mapping[SideName, str],
) -> Iterator[Reason]:
    """Whether the plan deletes so much that somebody should look at it first."""
    files = sum(not last.is_folder for last in agreed.values())
    for side, deletes in plan.deletes.items():
        if not listings[other(side)].entries:
            continue  # which check_listings has asked about
        if (
            deletes > options.max_deletes
            and deletes > options.max_delete_share * files
            and not options.force_deletes
        ):
            yield Reason(
                "deletes",
                f"{deletes} of {files} files were deleted on {names[other(side)]} and would be"
                f" on {names[side]}. If that is meant, force the deletes.",
            )


def check_deletes(
    plan: Plan,
    agreed: Mapping[str, Agreed],
    listings: Mapping[SideName, Listing],
    sides: Mapping[SideName, Side],
    names: Mapping[SideName, str],
) -> Iterator[Reason]:
    """Whether what a listing left out is really gone: the drive is asked about each file."""
    listed = {side: {file.id for _, file in listings[side].entries} for side in SIDES}
    folded = {side: {raw.casefold() for raw, _ in listings[side].entries} for side in SIDES}
    for action in plan.actions:
        node = action.target if action.kind == "delete" else action.source
        if action.kind not in {"delete", "move"} or node is None or node.path not in agreed:
            continue
        gone = other(action.side)
        last = agreed[node.path].on(gone)
        raw = last.raw or node.path
        if not last.id or last.id in listed[gone] or raw.casefold() in folded[gone]:
            continue
        try:
            there = sides[gone].drive.stat(last.id)
        except JarvisError as error:
            yield Reason("listing", f"{names[gone]}: {error}")
            return
        if there is not None and composed(there.path) == listings[gone].top + raw:
            yield Reason(
                "listing",
                f"{names[gone]} did not list {raw}, which is there: the listing is not complete."
                " Try again later.",
            )
            return
