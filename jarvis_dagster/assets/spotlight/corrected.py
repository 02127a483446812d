"""Corrected: what a person said is otherwise, read from the drive and bound to boxes.

Belongs here: the asset of corrections, and the way other assets read it. Does not
belong here: what a correction does (``hockey/review``).
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import COMMON, video
from jarvis_dagster.assets.metadata import kept, provenance_of, seconds_of
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from jarvis_dagster.hockey.review.applying import Outcome
    from jarvis_dagster.hockey.review.corrections import Correction
    from jarvis_dagster.hockey.tables import Provenance
    from jarvis_dagster.services.storage import ObjectRef
    from jarvis_dagster.settings import Settings

__all__ = [
    "bound_corrections",
    "corrected_provenance",
    "corrections",
    "corrections_of",
    "corrections_sha256",
    "cuts_of",
    "keep_outcomes",
    "outcomes_of",
    "pending_kinds",
    "told",
]


@dg.asset(
    key=["spotlight", "corrections"],
    deps=[video],
    kinds={"yaml"},
    group_name="spotlight",
    owners=["team:toolchain"],
    **COMMON,
)
def corrections(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """What a person corrected: ``corrections.yaml`` beside the video's results, bound to boxes.

    A file that cannot be true gets a note beside it that names the line. Where the settings require
    a person (``approvals.labels``), those that were applied before stay until one has said yes.
    """
    from jarvis_dagster.errors import BadInputError
    from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME, fingerprint, to_json
    from jarvis_dagster.services.client_storage.notes import clear_note, read_text, write_note

    space = workspace.of(context.partition_key)
    drive = uploads.inbox.drive
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        folder = uploads.inbox.find_results(source)
        file = drive.find(f"{folder.path}/{CORRECTIONS_NAME}") if folder else None
        found: list[Correction] = []
        if file is not None:
            try:
                found = bound_corrections(space, read_text(drive, file)[0])
            except BadInputError as error:
                write_note(drive, file, error)
                raise
            clear_note(drive, file)
        found, approval = _approved(uploads, space, found, context.run.job_name)
        record = space.keep_json(
            "corrections",
            "corrections",
            {"sha256": fingerprint(found), "corrections": to_json(found)},
        )
    return dg.MaterializeResult(
        metadata={
            **({"approval": approval} if approval else {}),
            "corrections": len(found),
            "said": dg.MetadataValue.md("\n".join(f"- {one.words}" for one in found) or "none"),
            "seconds": elapsed(),
            **kept(record),
        },
        data_version=dg.DataVersion(fingerprint(found) or "none"),
    )


def _approved(
    uploads: UploadsResource, space: Workspace, found: "list[Correction]", by: str
) -> "tuple[list[Correction], str]":
    """What may be applied, and what there is to tell of its approval."""
    from jarvis_dagster.assets.approving import ask_to_correct

    applied = corrections_of(space)
    if {one.key for one in applied} == {one.key for one in found}:
        return found, ""
    answer = ask_to_correct(uploads, space, found, applied, by)
    if not answer.allowed:
        return applied, f"{answer.id}: {answer.words()}"
    if answer.id:
        uploads.core.approval_service.applied(answer.id)
    return found, answer.words() if answer.id else ""


def bound_corrections(space: Workspace, text: str) -> "list[Correction]":
    """The corrections of a file, bound to the tables that were delivered last.

    Raises:
        BadInputError: they cannot be read, or cannot be true; names the line.
    """
    from jarvis_dagster.hockey.review.applying import require_sense
    from jarvis_dagster.hockey.review.entries import parse_corrections
    from jarvis_dagster.hockey.review.ledger import require_events
    from jarvis_dagster.hockey.review.sightings import bind
    from jarvis_dagster.hockey.tables import EVENTS, SCAN, TRACKS

    said = parse_corrections(text)
    if not said:
        return []
    source = space.json("footage", "source")
    tracked = (
        space.table("tracks", "tracks", TRACKS) if space.has("tracks", "tracks.parquet") else None
    )
    ledger = (
        space.table("events", "events", EVENTS) if space.has("events", "events.parquet") else None
    )
    found = bind(
        said,
        corrections_of(space),
        tracked,
        ledger,
        duration_s=source["facts"]["duration_s"],
    )
    require_events(found)
    if tracked is not None:
        scan = space.table("footage", "scan", SCAN)
        require_sense(tracked, found, cuts_of(scan))
    return found


def cuts_of(scan: "pd.DataFrame") -> list[int]:
    """First frames of camera shots."""
    return [int(frame) for frame in scan.loc[scan["is_cut"], "frame"]]


def corrections_of(space: Workspace) -> "list[Correction]":
    """The bound corrections of a video; none where it has none."""
    from jarvis_dagster.hockey.review.corrections import from_json

    if not space.has("corrections", "corrections.json"):
        return []
    return from_json(space.json("corrections", "corrections")["corrections"])


def pending_kinds(space: Workspace, said: "Sequence[Correction]") -> set[str]:
    """Kinds of the corrections that the delivered results do not reflect, or no longer should."""
    from jarvis_dagster.hockey.review.corrections import changed_kinds

    delivered = space.json("results", "delivery") if space.has("results", "delivery.json") else {}
    before = [(str(key), str(kind)) for key, kind in delivered.get("corrections", [])]
    return changed_kinds(before, [(one.key, one.kind) for one in said])


def corrections_sha256(space: Workspace) -> str:
    """What the corrections of a video are known by; "" for none."""
    if not space.has("corrections", "corrections.json"):
        return ""
    return str(space.json("corrections", "corrections")["sha256"])


def corrected_provenance(
    settings: "Settings", space: Workspace, source: dict[str, Any]
) -> "Provenance":
    """What made a table that rests on detections and on what a person corrected."""
    model = space.json("detections", "model")
    return provenance_of(
        settings,
        source,
        model["version"],
        corrections_sha256(space),
        adapted=model.get("adapted", ""),
    )


def keep_outcomes(space: Workspace, asset: str, outcomes: "Sequence[Outcome]") -> "ObjectRef":
    """Keep what came of corrections in an asset, for the report."""
    rows = [dataclasses.asdict(one) for one in outcomes]
    return space.keep_json(asset, "corrected", {"outcomes": rows})


def outcomes_of(space: Workspace, *assets: str) -> list[dict[str, Any]]:
    """What came of the corrections in these assets, in the order of the file."""
    found = [
        row
        for asset in assets
        if space.has(asset, "corrected.json")
        for row in space.json(asset, "corrected")["outcomes"]
    ]
    return sorted(found, key=lambda row: row["line"])


def told(outcomes: "Sequence[Outcome]") -> dict[str, Any]:
    """Metadata on what came of corrections."""
    if not outcomes:
        return {}
    lines = [
        f"- {one.words}" + (f": not applied, {one.why}" if one.why else "") for one in outcomes
    ]
    return {
        "corrections_applied": sum(not one.why for one in outcomes),
        "corrections_not_applied": sum(bool(one.why) for one in outcomes),
        "corrected": dg.MetadataValue.md("\n".join(lines)),
    }
