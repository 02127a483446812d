"""Write the report: one HTML file for a coach and one JSON file for programs.

Belongs here: what a report is made from, collecting its numbers and pictures,
writing. Does not belong here: how a number is computed (:mod:`.statistics`), how the
page shows it (:mod:`.page`).
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.events import EVENT_TYPES
from jarvis_dagster.hockey.highlights import no_highlights_reason
from jarvis_dagster.hockey.report import plots, statistics, wording
from jarvis_dagster.hockey.report.corrected import difference
from jarvis_dagster.hockey.report.page import render_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.highlights import Highlight
    from jarvis_dagster.hockey.tables import Provenance
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["SCHEMA_VERSION", "ReportData", "write_report"]

SCHEMA_VERSION = "1.3"
"""Of ``report.json``; the first number changes when a key changes its meaning."""

_DEFAULT_COLOURS = {"A": (255, 158, 64), "B": (73, 18, 230)}
_PACKAGES = ("jarvis-dagster", "numpy", "opencv-python", "openvino", "av", "trackers")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportData:
    """What a report is made from.

    Attributes:
        name: The video's name as its owner knows it.
        preflight: As the pre-flight gives it; ``grades`` and ``findings`` are shown.
        tracks: TRACKS; the puck's are left out.
        positions: None without a calibration.
        identities: Tracks of one person are counted once; None counts each.
        jerseys: JERSEYS, the rows that are sure; None where no number was looked for.
        scoreboard: None where no scoreboard is in the picture.
        scoreboard_names: The teams' names on it, left first; empty where not read.
        not_supported: Why there are no events of a type, as the ledger gave it.
        highlights: In the order shown.
        clips: The clip of each highlight, its thumbnail beside it as ``.jpg``.
        provenance: What made the tables.
        team_colours: (b, g, r) by team.
        rink: Name of the rink that the positions are on.
        clips_folder: Where the clips lie, seen from the page.
        annotated: Where the annotated video lies, seen from the page; "" for none.
        still: A JPEG of the annotated video, shown until it plays.
        corrections: What came of each correction by a person.
        uncorrected: What ``report.json`` held without them, to compare with.
    """

    info: VideoInfo
    name: str
    preflight: dict[str, Any]
    scan: pd.DataFrame
    tracks: pd.DataFrame
    positions: pd.DataFrame | None
    events: pd.DataFrame
    identities: pd.DataFrame | None = None
    jerseys: pd.DataFrame | None = None
    scoreboard: pd.DataFrame | None = None
    scoreboard_names: Sequence[str] = ("", "")
    not_supported: dict[str, str]
    highlights: Sequence[Highlight]
    clips: Sequence[Path]
    provenance: Provenance
    team_colours: dict[str, tuple[int, int, int]] = dataclasses.field(
        default_factory=_DEFAULT_COLOURS.copy
    )
    rink: str = "NHL"
    clips_folder: str = "highlights"
    annotated: str = ""
    still: Path | None = None
    corrections: Sequence[dict[str, Any]] = ()
    uncorrected: dict[str, Any] | None = None

    @property
    def people(self) -> pd.DataFrame:
        """The tracks of people."""
        return self.tracks[self.tracks["class"] != "puck"].reset_index(drop=True)

    @property
    def colours(self) -> dict[str, str]:
        """The teams' colours as CSS has them."""
        return {team: f"#{r:02x}{g:02x}{b:02x}" for team, (b, g, r) in self.team_colours.items()}


def write_report(folder: Path, data: ReportData) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json`` into ``folder``, which is made if missing.

    The page is one file: styles inside, pictures as data URIs, no script, no
    request but for the videos. It links them beside itself: ``annotated``, and the
    clips as ``clips_folder/<name>``.

    Returns:
        The paths of the HTML and the JSON file.
    """
    tracks = data.people
    numbers = _numbers(data, tracks)
    page = render_page(
        numbers,
        colours=data.colours,
        pictures=_pictures(data, tracks, numbers),
        thumbnails=[_jpeg(clip.with_suffix(".jpg")) for clip in data.clips],
        annotated=data.annotated,
        still=_jpeg(data.still),
    )
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder / "report.html", page), _write(folder / "report.json", text + "\n")


def _numbers(data: ReportData, tracks: pd.DataFrame) -> dict[str, Any]:
    """What ``report.json`` holds, and the page shows."""
    events, fps = data.events, data.info.fps
    people = statistics.people_rows(tracks, _placed(data), events, data.scan, fps, data.jerseys)
    statistics.name_persons(people, data.identities)
    # What the ledger does hold is supported, whoever listed it.
    held = set(events["type"])
    numbers: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "video": statistics.video_facts(data.info, data.name, tracks),
        "preflight": data.preflight,
        "teams": statistics.team_rows(people, tracks, events),
        "people": people,
        "scoreboard": statistics.scoreboard_facts(data.scoreboard, data.scoreboard_names),
        "events": statistics.event_rows(events),
        "event_types": EVENT_TYPES,
        "highlights": [
            {
                **dataclasses.asdict(highlight),
                "clip": f"{data.clips_folder}/{clip.name}",
                "thumbnail": f"{data.clips_folder}/{clip.with_suffix('.jpg').name}",
            }
            for highlight, clip in zip(data.highlights, data.clips, strict=True)
        ],
        "no_highlights": "" if data.highlights else no_highlights_reason(events),
        "not_supported": {k: why for k, why in data.not_supported.items() if k not in held},
        "provenance": {**dataclasses.asdict(data.provenance), **_versions()},
    }
    numbers["summary"] = wording.summary(numbers)
    numbers["corrected"] = difference(numbers, data.uncorrected, list(data.corrections))
    return numbers


def _placed(data: ReportData) -> pd.DataFrame | None:
    """The positions, if there are any."""
    return data.positions if data.positions is not None and len(data.positions) else None


def _pictures(data: ReportData, tracks: pd.DataFrame, numbers: dict[str, Any]) -> dict[str, str]:
    """Data URIs by name; a picture without data is missing."""
    pictures: dict[str, str] = {}
    if not numbers["people"]:
        return pictures
    info, colours = data.info, data.colours
    count = max(info.frame_count, int(tracks["frame"].max()) + 1)
    series = statistics.activity_series(tracks, data.scan, info.fps, count)
    pictures["activity"] = plots.activity_plot(
        series, numbers["events"], list(data.highlights), info.fps, colours
    )
    pictures["presence"] = plots.presence_plot(
        statistics.longest_in_view(numbers["people"]), tracks, info.duration_s, info.fps, colours
    )
    positions = _placed(data)
    if positions is not None and bool(positions["valid"].any()):
        teams = [row["team"] for row in numbers["teams"] if row["tracks"]] or [""]
        for team in teams:
            colour = colours.get(team, "#33475b")
            pictures[f"heat_{team}"] = plots.heat_map(tracks, positions, data.rink, team, colour)
    return pictures


def _jpeg(picture: Path | None) -> str:
    """A data URI, or "" where there is no picture."""
    if picture is None or not picture.exists():
        return ""
    return plots.data_uri(picture.read_bytes(), "image/jpeg")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _plain(value: Any) -> Any:
    """Numpy scalars and paths, as JSON has them."""
    return value.item() if hasattr(value, "item") else str(value)


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    return partial.replace(path)
