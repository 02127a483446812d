"""Play: where everyone is on the rink, and what happened."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import preflight, source_video
from jarvis_dagster.assets.metadata import (
    columns,
    kept,
    preview,
    row_count,
    seconds_of,
)
from jarvis_dagster.assets.spotlight.calibration import calibration
from jarvis_dagster.assets.spotlight.corrected import (
    corrected_provenance,
    corrections,
    corrections_of,
    keep_outcomes,
    told,
)
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT, tracks
from jarvis_dagster.assets.spotlight.reading import jersey_numbers, scoreboard
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.hockey.tables import EVENTS, POSITIONS, SCAN, SCOREBOARD, TRACKS, empty
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["events", "positions"]


@dg.asset(
    key=["spotlight", "positions"],
    deps=[tracks, calibration],
    kinds={"parquet"},
    metadata=columns(POSITIONS),
    check_specs=checks.specs("positions"),
    **SPOTLIGHT,
)
def positions(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """Where everyone stands on the rink, in feet; "not supported" without a calibration."""
    from jarvis_dagster.hockey.events import keep_possible
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink import positions as on_the_rink

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        seen = space.table("tracks", "tracks", TRACKS)
        impossible: dict[str, int] = {}
        fit = space.json("calibration", "fit")
        supported: dict[str, Any]
        if fit["supported"]:
            held = Calibration.load(space.fetch("calibration", "calibration.json"))
            fps = source["facts"]["fps"]
            found = on_the_rink(seen, held, fps)
            found, impossible = keep_possible(found, seen, fps, held.rink)
            supported = {"supported": True, "rink": held.rink, "error_ft": held.error_ft}
        else:
            found = empty(POSITIONS)
            supported = {"supported": False, "reason": fit["reason"]}
        provenance = corrected_provenance(workspace.settings, space, source)
        table = space.keep_table("positions", "positions", found, POSITIONS, provenance)
        record = space.keep_json("positions", "support", supported)
    return dg.MaterializeResult(
        metadata={
            **row_count(found),
            "valid_share": float(found["valid"].mean()) if len(found) else 0.0,
            "error_ft": float(found.loc[found["valid"], "error_ft"].median())
            if found["valid"].any()
            else None,
            "support": dg.MetadataValue.json(supported),
            "model_version": provenance.model_version,
            "taken_back": dg.MetadataValue.json(impossible),
            "first_rows": preview(found),
            "seconds": elapsed(),
            **kept(table, record),
        },
        check_results=checks.results(
            "positions",
            checks.record_of(
                source["facts"], rink=supported.get("rink", "NHL"), tracks=seen, positions=found
            ),
            lambda why: uploads.inbox.refuse(source, why),
        ),
    )


@dg.asset(
    key=["spotlight", "events"],
    deps=[tracks, positions, preflight, corrections, scoreboard, jersey_numbers],
    kinds={"parquet"},
    metadata=columns(EVENTS),
    check_specs=checks.specs("events"),
    **SPOTLIGHT,
)
def events(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """The ledger: what happened, when, who, how sure, and the frames that show it."""
    from jarvis_dagster.hockey.events import build_ledger
    from jarvis_dagster.hockey.review.ledger import correct_events
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        provenance = corrected_provenance(workspace.settings, space, source)
        placed = space.table("positions", "positions", POSITIONS)
        seen = space.table("tracks", "tracks", TRACKS)
        scan = space.table("footage", "scan", SCAN)
        support = space.json("positions", "support")
        where = placed if support["supported"] else None
        rink = support.get("rink", "NHL")
        info = probe(path)
        read = space.table("scoreboard", "scoreboard", SCOREBOARD)
        ledger = build_ledger(seen, where, scan, info, provenance, rink=rink, scoreboard=read)
        missing = ledger.attrs["not_supported"]
        taken_back = ledger.attrs["taken_back"]
        ledger, outcomes = correct_events(
            ledger,
            seen,
            corrections_of(space),
            scan,
            video_sha256=source["sha256"],
            against=lambda events: checks.impossible(
                "events",
                checks.record_of(source["facts"], rink=rink, scan=scan, tracks=seen, events=events),
            ),
        )
        record = keep_outcomes(space, "events", outcomes)
        table = space.keep_table("events", "events", ledger, EVENTS, provenance)
        gaps = space.keep_json("events", "not_supported", missing)
    return dg.MaterializeResult(
        metadata={
            **row_count(ledger),
            "by_type": {str(k): int(v) for k, v in ledger["type"].value_counts().items()},
            "not_supported": dg.MetadataValue.json(_by_reason(missing)),
            "taken_back": dg.MetadataValue.json(taken_back),
            "model_version": provenance.model_version,
            "noted": preview(_noted(ledger), rows=25),
            **told(outcomes),
            "seconds": elapsed(),
            **kept(table, gaps, record),
        },
        check_results=checks.results(
            "events",
            checks.record_of(source["facts"], rink=rink, scan=scan, tracks=seen, events=ledger),
            lambda why: uploads.inbox.refuse(source, why),
        ),
    )


def _noted(ledger: "pd.DataFrame") -> "pd.DataFrame":
    """What a person wants to see of the ledger first."""
    rows = ledger[~ledger["type"].isin(("in_view", "shift"))]
    return rows[["start_s", "end_s", "type", "team", "confidence", "track_ids"]]


def _by_reason(missing: dict[str, str]) -> dict[str, list[str]]:
    """What is not supported, each reason once."""
    reasons: dict[str, list[str]] = {}
    for name, reason in missing.items():
        reasons.setdefault(reason, []).append(name)
    return reasons
