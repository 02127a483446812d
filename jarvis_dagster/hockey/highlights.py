"""Highlights: which moments to show, and the clips that show them.

Belongs here: choosing among the ledger's events, cutting clips and thumbnails.
Does not belong here: finding events (``hockey/events``), the report.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["Highlight", "clip_names", "cut_clips", "no_highlights_reason", "select_highlights"]

_WORTH = {
    "goal": 10.0,
    "shot": 5.0,
    "rush": 3.0,
    "crowding": 2.5,
    "net_front": 2.5,
    "zone_entry": 2.0,
    "play_resumes": 1.0,
    "action_peak": 0.8,
}
"""How much a coach wants to see an event of each type, all else equal."""
_WORDS = {
    "goal": ("Goal", "The scoreboard goes to {score}."),
    "shot": (
        "Shot at the {end} goal",
        "The puck goes {puck_speed_ftps:.0f} ft/s straight at the goal from {from_ft:.0f} ft.",
    ),
    "rush": (
        "Rush to the {direction}",
        "About {people:.0f} players skate fast to the {direction} together for {seconds:.1f} s.",
    ),
    "crowding": (
        "Battle in one place",
        "{people:.0f} people within reach of each other for {seconds:.1f} s.",
    ),
    "crowding_at_goal": (
        "Scramble at the goal",
        "{people:.0f} people within reach of each other for {seconds:.1f} s, a goalkeeper"
        " among them.",
    ),
    "net_front": (
        "Crowd before the {end} goal",
        "{people:.0f} skaters close before the goal for {seconds:.1f} s.",
    ),
    "zone_entry": (
        "Entry into the {end} zone",
        "The middle of the skaters crosses the blue line and gets {middle_beyond_line_ft:.0f} ft"
        " beyond it.",
    ),
    "play_resumes": ("Play gets going again", "Everyone stood; then the players skate off."),
    "action_peak": (
        "Sustained action",
        "The liveliest stretch of its half minute: {more:.1f} times the usual movement.",
    ),
    "action": ("Sustained action", "The liveliest unbroken stretch of this part of the video."),
}
_BEFORE_S, _AFTER_S = 2.0, 2.0
_LONGEST_S = 20.0
_SHARE, _SHORT_VIDEO_S, _SHORTEST_S = 0.2, 10.0, 5.0
_MOST_LINES, _POSTER_PX = 720, 480


@dataclasses.dataclass(frozen=True)
class Highlight:
    """A moment worth watching.

    Attributes:
        event_id: The ledger's event that it shows.
        title: What happens, in a few plain words.
        start_s, end_s: The clip, padded around the event.
        reason: Why it was chosen, with the measures.
        type: Type of the event.
    """

    event_id: str
    title: str
    start_s: float
    end_s: float
    reason: str
    type: str = ""


def select_highlights(events: pd.DataFrame, info: VideoInfo, count: int = 6) -> list[Highlight]:
    """The ``count`` best moments, in the order of time, none overlapping another.

    Events are ranked by the worth of their type times their confidence, a little
    more for longer ones; a type that was already taken is worth less each time, so
    that a game of forty rushes also shows its scrambles. Clips begin two seconds
    before the event and end two after it, within the video, at most 20 s. Together
    they last at most a fifth of the video, of a short one 10 s or half of it: what shows
    nearly all of a video does not choose. No clip takes more than half of that, unless
    little is left of it.
    """
    room_s = max(min(_SHORT_VIDEO_S, info.duration_s / 2), _SHARE * info.duration_s)
    longest_s = min(_LONGEST_S, max(_SHORTEST_S, room_s / 2), room_s)
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()}
        for row in events[events["type"].isin(list(_WORTH))].to_dict("records")
    ]
    chosen: list[Highlight] = []
    taken: dict[str, int] = {}
    while rows and len(chosen) < count:
        rows.sort(key=lambda row: (-_score(row, taken), row["start_s"], row["event_id"]))
        row = rows.pop(0)
        highlight = _around(row, info, longest_s)
        if highlight.end_s - highlight.start_s > room_s + 1e-6:
            continue
        if any(h.start_s < highlight.end_s and highlight.start_s < h.end_s for h in chosen):
            continue
        chosen.append(highlight)
        room_s -= highlight.end_s - highlight.start_s
        taken[row["type"]] = taken.get(row["type"], 0) + 1
    return sorted(chosen, key=lambda h: h.start_s)


def no_highlights_reason(events: pd.DataFrame) -> str:
    """Why there are no highlights, for a ledger from which none could be chosen."""
    if not len(events):
        return "Nothing was found in this video that an event could be built on."
    return "Too few people were followed for long enough to find a moment of play."


def cut_clips(
    video: Path,
    highlights: list[Highlight],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Cut every highlight to the frame, with its sound and a thumbnail JPEG beside it.

    Clips are encoded anew, with at most 720 lines.

    Args:
        video: The footage.
        highlights: As selected.
        folder: Made if missing. Files are named as :func:`clip_names` says.
        progress: Called with frames done and in all.

    Returns:
        The clips, in the order of ``highlights``; each has a ``.jpg`` of its name.

    Raises:
        BadInputError: a highlight lies outside the video.
    """
    from jarvis_dagster.hockey.video import probe
    from jarvis_dagster.hockey.video.container import packet_index

    info = probe(video)
    folder.mkdir(parents=True, exist_ok=True)
    times_s = packet_index(video).times_s
    spans = [_frames(highlight, times_s) for highlight in highlights]
    total, done = sum(stop - start for start, stop in spans), 0
    clips = []
    for name, highlight, (start, stop) in zip(
        clip_names(highlights), highlights, spans, strict=True
    ):
        path = folder / f"{name}.mp4"
        count = 0
        for _ in _cut(info, start, stop, path):
            count += 1
            if progress is not None:
                progress(done + count, total)
        if not count:
            raise BadInputError(
                f"The highlight “{highlight.title}” has no frame in {video.name}.",
                "Compute the ledger for this very video.",
            )
        done += count
        clips.append(path)
    return clips


def _cut(info: VideoInfo, start: int, stop: int, path: Path) -> Iterator[int]:
    """Write the clip and its thumbnail; yields the number of each frame once it is written."""
    from jarvis_dagster.hockey.video import QUICK, VideoWriter, limited_size, save_jpeg
    from jarvis_dagster.hockey.video.decoding import decoded, unsmoothed_for
    from jarvis_dagster.hockey.video.scaling import Scaler

    width, height = limited_size(info.width_px, info.height_px, _MOST_LINES)
    scaler = Scaler((width, height), "yuv420p")
    unsmoothed = unsmoothed_for(info, (width, height))
    frames = decoded(info.path, start=start, stop=stop, unsmoothed=unsmoothed)
    first = next(frames, None)
    if first is None:
        return
    poster = first[2]
    with VideoWriter(
        path,
        width_px=width,
        height_px=height,
        fps=info.fps,
        options=QUICK,
        audio=info.path,
        audio_start_s=first[1],
    ) as writer:
        for number, pts_s, frame in itertools.chain([first], frames):
            writer.write_frame(scaler.picture(frame), pts_s - first[1])
            poster = frame if number <= (start + stop) // 2 else poster
            yield number
    across = min(_POSTER_PX, info.width_px)
    down = max(1, round(info.height_px * across / info.width_px))
    save_jpeg(Scaler((across, down), "bgr24")(poster), path.with_suffix(".jpg"))


def clip_names(highlights: list[Highlight]) -> list[str]:
    """File names without suffix: number, type and time, such as ``01_rush_00m12s``."""
    names = []
    for number, highlight in enumerate(highlights, 1):
        minutes, seconds = divmod(int(highlight.start_s), 60)
        hours, minutes = divmod(minutes, 60)
        time = f"{hours}h{minutes:02d}m{seconds:02d}s" if hours else f"{minutes:02d}m{seconds:02d}s"
        kind = "".join(c if c.isalnum() else "_" for c in highlight.type or "moment")
        names.append(f"{number:02d}_{kind}_{time}")
    return names


def _score(row: dict[str, Any], taken: dict[str, int]) -> float:
    seconds = float(row["end_s"]) - float(row["start_s"])
    worth = _WORTH[row["type"]] * 0.7 ** taken.get(row["type"], 0)
    return worth * float(row["confidence"]) * (1 + 0.1 * math.log1p(max(0.0, seconds)))


def _around(row: dict[str, Any], info: VideoInfo, longest_s: float) -> Highlight:
    measures = json.loads(row["evidence"]).get("measures", {})
    # Of a very short clip, half is left for the event itself.
    start = max(0.0, float(row["start_s"]) - min(_BEFORE_S, longest_s / 2))
    end = min(info.duration_s, float(row["end_s"]) + _AFTER_S, start + longest_s)
    title, reason = _words(row["type"], row["team"], measures)
    return Highlight(str(row["event_id"]), title, start, end, reason, str(row["type"]))


def _words(kind: str, team: str, measures: dict[str, Any]) -> tuple[str, str]:
    """Title and reason in plain words."""
    if not measures:
        name = kind.replace("_", " ").capitalize()
        return name + (f" by team {team}" if team else ""), "A person noted it."
    if kind == "crowding" and measures["goalkeeper_inside"]:
        kind = "crowding_at_goal"
    if kind == "action_peak":
        usual = max(float(measures["usual_activity_heights_per_s"]), 1e-6)
        more = float(measures["activity_heights_per_s"]) / usual
        measures = {**measures, "more": more}
        kind = kind if more >= 1.1 else "action"
    title, reason = _WORDS[kind]
    return title.format_map(measures) + (f" by team {team}" if team else ""), reason.format_map(
        measures
    )


def _frames(highlight: Highlight, times_s: NDArray[np.float64]) -> tuple[int, int]:
    """Half-open frame numbers of a highlight, by the frames' own times."""
    start = int(np.searchsorted(times_s, highlight.start_s - 1e-6))
    start = min(start, len(times_s) - 1)
    stop = int(np.searchsorted(times_s, highlight.end_s - 1e-6))
    return start, max(start + 1, stop)
