"""Holmes: the report that a coach reads."""

import json
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import COMMON, preflight, source_video
from jarvis_dagster.assets.metadata import kept, seconds_of
from jarvis_dagster.assets.spotlight import (
    annotated_video,
    events,
    highlights,
    identities,
    jersey_numbers,
    positions,
    scoreboard,
    tracks,
)
from jarvis_dagster.assets.spotlight.corrected import (
    corrected_provenance,
    corrections_of,
    outcomes_of,
)
from jarvis_dagster.assets.spotlight.reading import board_of, sure_numbers
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from jarvis_dagster.hockey.tables import Provenance

__all__ = ["game_report"]


@dg.asset(
    key=["holmes", "game_report"],
    deps=[
        preflight,
        tracks,
        jersey_numbers,
        identities,
        positions,
        scoreboard,
        events,
        highlights,
        annotated_video,
    ],
    group_name="holmes",
    owners=["team:holmes"],
    kinds={"html"},
    **COMMON,
)
def game_report(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult:
    """One page with trust grades, highlights, teams, players and the ledger; JSON beside it."""
    from jarvis_dagster.hockey.highlights import Highlight
    from jarvis_dagster.hockey.report import ReportData, write_report
    from jarvis_dagster.hockey.tables import EVENTS, IDENTITIES, POSITIONS, SCAN, TRACKS
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        chosen = space.json("highlights", "highlights")["highlights"]
        support = space.json("positions", "support")
        provenance = corrected_provenance(workspace.settings, space, source)
        clips = [space.fetch("highlights", entry["clip"]) for entry in chosen]
        for clip in clips:
            space.fetch("highlights", clip.with_suffix(".jpg").name)
        board, names = board_of(space)
        contents = ReportData(
            info=probe(path),
            name=source["name"],
            preflight=space.json("footage", "preflight"),
            scan=space.table("footage", "scan", SCAN),
            tracks=space.table("tracks", "tracks", TRACKS),
            positions=(
                space.table("positions", "positions", POSITIONS) if support["supported"] else None
            ),
            events=space.table("events", "events", EVENTS),
            identities=space.table("identities", "identities", IDENTITIES),
            not_supported=space.json("events", "not_supported"),
            highlights=[
                Highlight(**{k: v for k, v in entry.items() if k != "clip"}) for entry in chosen
            ],
            clips=clips,
            team_colours=space.json("tracks", "teams")["colours_bgr"],
            rink=support.get("rink", "NHL"),
            jerseys=sure_numbers(space),
            scoreboard=board,
            scoreboard_names=names,
            annotated="annotated.mp4",
            still=space.fetch("annotated_video", "middle.jpg"),
            provenance=provenance,
            corrections=outcomes_of(space, "tracks", "jersey_numbers", "events"),
            uncorrected=_uncorrected(space, provenance) if corrections_of(space) else None,
        )
        page, data = write_report(space.path("game_report", "x").parent, contents)
        refs = [space.keep("game_report", page), space.keep("game_report", data)]
    return dg.MaterializeResult(
        metadata={
            "summary": json.loads(data.read_text("utf-8"))["summary"],
            "highlights": [highlight["title"] for highlight in chosen],
            "model_version": provenance.model_version,
            "seconds": elapsed(),
            **kept(*refs),
        }
    )


def _uncorrected(space: Workspace, provenance: "Provenance") -> dict[str, Any] | None:
    """The report's numbers as they were before anybody corrected anything.

    None where that report is of another model or other settings: then the difference
    would not be that of the corrections.
    """
    if space.has("game_report", "report.json"):
        latest = space.json("game_report", "report")
        if not latest["provenance"].get("corrections_sha256"):
            space.keep_json("game_report", "uncorrected", latest)
    if not space.has("game_report", "uncorrected.json"):
        return None
    before = space.json("game_report", "uncorrected")
    names = ("video_sha256", "model_version", "config_sha256")
    same = all(before["provenance"].get(name) == getattr(provenance, name) for name in names)
    return before if same else None
