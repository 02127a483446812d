"""Write the report: one HTML file for a coach and one JSON file for programs.

Belongs here: collecting numbers and pictures, writing. Does not belong here: how a
number is computed (:mod:`.statistics`), how the page shows it (:mod:`.page`).
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.events import EVENT_TYPES
from jarvis_dagster.hockey.events import not_supported as find_unsupported
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

__all__ = ["SCHEMA_VERSION", "write_report"]

SCHEMA_VERSION = "1.3"
"""Of ``report.json``; the first number changes when a key changes its meaning."""

_DEFAULT_COLOURS = {"A": (255, 158, 64), "B": (73, 18, 230)}
_PACKAGES = ("jarvis-dagster", "numpy", "opencv-python", "openvino", "av", "trackers")


def write_report(
    folder: Path,
    *,
    info: VideoInfo,
    preflight: dict[str, Any],
    scan: pd.DataFrame,
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    events: pd.DataFrame,
    highlights: Sequence[Highlight],
    clips: Sequence[Path],
    provenance: Provenance,
    name: str | None = None,
    not_supported: dict[str, str] | None = None,
    identities: pd.DataFrame | None = None,
    team_colours: dict[str, tuple[int, int, int]] | None = None,
    rink: str = "NHL",
    clips_folder: str = "highlights",
    annotated: str = "",
    still: Path | None = None,
    corrections: Sequence[dict[str, Any]] = (),
    uncorrected: dict[str, Any] | None = None,
    jerseys: pd.DataFrame | None = None,
    scoreboard: pd.DataFrame | None = None,
    scoreboard_names: Sequence[str] = ("", ""),
) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json`` into ``folder``.

    The page is one file: styles inside, pictures as data URIs, no script, no
    request but for the videos. It links them beside itself: ``annotated``, and the
    clips as ``clips_folder/<name>``.

    Args:
        folder: Made if missing.
        info: Of the video.
        preflight: As the pre-flight gives it; ``grades`` and ``findings`` are shown.
        scan, tracks, positions, events: The tables; ``positions`` None without a
            calibration.
        highlights: In the order shown.
        clips: The clip of each highlight, its thumbnail beside it as ``.jpg``.
        provenance: What made the tables.
        name: The video's name as its owner knows it; the file's by default.
        not_supported: As the ledger gave it; computed when None.
        identities: IDENTITIES; tracks of one person are then counted once.
        team_colours: (b, g, r) by team.
        rink: Name of the rink that the positions are on.
        clips_folder: Where the clips lie, seen from the page.
        annotated: Where the annotated video lies, seen from the page; "" for none.
        still: A JPEG of the annotated video, shown until it plays.
        corrections: What came of each correction by a person.
        uncorrected: What ``report.json`` held without them, to compare with.
        jerseys: JERSEYS, the rows that are sure.
        scoreboard: SCOREBOARD; None where no scoreboard is in the picture.
        scoreboard_names: The teams' names on it, left first; empty where not read.

    Returns:
        The paths of the HTML and the JSON file.
    """
    tracks = tracks[tracks["class"] != "puck"].reset_index(drop=True)
    positions = positions if positions is not None and len(positions) else None
    if not_supported is None:
        not_supported = find_unsupported(tracks, positions, scan, info, rink=rink)
    # What the ledger does hold is supported, whoever listed it.
    held = set(events["type"])
    not_supported = {kind: why for kind, why in not_supported.items() if kind not in held}
    people = statistics.people_rows(tracks, positions, events, scan, info.fps, jerseys)
    statistics.name_persons(people, identities)
    numbers: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "video": statistics.video_facts(info, name or info.path.name, tracks),
        "preflight": preflight,
        "teams": statistics.team_rows(people, tracks, events),
        "people": people,
        "scoreboard": statistics.scoreboard_facts(scoreboard, scoreboard_names),
        "events": statistics.event_rows(events),
        "event_types": EVENT_TYPES,
        "highlights": [
            {
                **dataclasses.asdict(highlight),
                "clip": f"{clips_folder}/{clip.name}",
                "thumbnail": f"{clips_folder}/{clip.with_suffix('.jpg').name}",
            }
            for highlight, clip in zip(highlights, clips, strict=True)
        ],
        "no_highlights": "" if highlights else no_highlights_reason(events),
        "not_supported": not_supported,
        "provenance": {**dataclasses.asdict(provenance), **_versions()},
    }
    numbers["summary"] = wording.summary(numbers)
    numbers["corrected"] = difference(numbers, uncorrected, list(corrections))
    folder.mkdir(parents=True, exist_ok=True)
    colours = {t: _css(c) for t, c in (team_colours or _DEFAULT_COLOURS).items()}
    pictures = _pictures(
        numbers,
        info=info,
        scan=scan,
        tracks=tracks,
        positions=positions,
        highlights=highlights,
        colours=colours,
        rink=rink,
    )
    thumbnails = [_jpeg(clip.with_suffix(".jpg")) for clip in clips]
    page = render_page(
        numbers,
        colours=colours,
        pictures=pictures,
        thumbnails=thumbnails,
        annotated=annotated,
        still=_jpeg(still),
    )
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    return _write(folder / "report.html", page), _write(folder / "report.json", text + "\n")


def _pictures(
    numbers: dict[str, Any],
    *,
    info: VideoInfo,
    scan: pd.DataFrame,
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    highlights: Sequence[Highlight],
    colours: dict[str, str],
    rink: str,
) -> dict[str, str]:
    """Data URIs by name; a picture without data is missing."""
    pictures: dict[str, str] = {}
    if not numbers["people"]:
        return pictures
    count = max(info.frame_count, int(tracks["frame"].max()) + 1)
    series = statistics.activity_series(tracks, scan, info.fps, count)
    pictures["activity"] = plots.activity_plot(
        series, numbers["events"], list(highlights), info.fps, colours
    )
    pictures["presence"] = plots.presence_plot(
        statistics.longest_in_view(numbers["people"]), tracks, info.duration_s, info.fps, colours
    )
    if positions is not None and bool(positions["valid"].any()):
        teams = [row["team"] for row in numbers["teams"] if row["tracks"]] or [""]
        for team in teams:
            colour = colours.get(team, "#33475b")
            pictures[f"heat_{team}"] = plots.heat_map(tracks, positions, rink, team, colour)
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


def _css(colour: Sequence[int]) -> str:
    b, g, r = colour
    return f"#{r:02x}{g:02x}{b:02x}"


def _plain(value: Any) -> Any:
    """Numpy scalars and paths, as JSON has them."""
    return value.item() if hasattr(value, "item") else str(value)


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    return partial.replace(path)
