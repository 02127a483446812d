"""The event ledger: every event the footage supports, and what it does not.

Belongs here: putting the events of all sources together. Does not belong here:
finding any one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.changes import line_changes
from jarvis_dagster.hockey.events.motion import frame_motion, measure_motion
from jarvis_dagster.hockey.events.play import action_peaks, crowdings, rushes, stoppages
from jarvis_dagster.hockey.events.presence import camera_cuts, presences, whole_rink_in_view
from jarvis_dagster.hockey.events.puck import puck_coverage, shots
from jarvis_dagster.hockey.events.rink_events import top_speeds, zone_entries
from jarvis_dagster.hockey.rink import rink_named
from jarvis_dagster.hockey.tables import EVENTS, Provenance, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jarvis_dagster.hockey.events.entry import Entry
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["EVENT_TYPES", "build_ledger", "not_supported"]

EVENT_TYPES: dict[str, str] = {
    "in_view": "A person is in the picture without a break.",
    "shift": "A person is on the ice without a break (the whole rink is in view).",
    "camera_cut": "The picture cuts to another camera.",
    "stoppage": "Nearly everyone in view stands or glides.",
    "play_resumes": "Play speeds up again after a stoppage.",
    "rush": "Three or more players skate fast in one direction.",
    "crowding": "Five or more people battle in one place.",
    "action_peak": "The liveliest seconds of a half minute.",
    "zone_entry": "The middle of the skaters moves across a blue line into an end zone.",
    "line_change": "Several players of a team leave and enter at the benches.",
    "top_speed": "The fastest third of a second of a player.",
    "shot": "The puck moves fast towards a goal.",
    "goal": "A goal is scored.",
}
"""Every type the ledger may hold, in plain words. ``docs/events.md`` says how each is found."""

_ENOUGH_POSITIONS = 0.2
_ENOUGH_PUCK = 0.3


def build_ledger(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame,
    info: VideoInfo,
    provenance: Provenance | None = None,
    *,
    rink: str = "NHL",
) -> pd.DataFrame:
    """Every event that the tables support, in the order of time.

    Args:
        tracks: TRACKS with roles and teams.
        positions: POSITIONS, or None without a calibration.
        scan: SCAN of the whole video.
        info: The video's rate and length.
        provenance: Names video and model in ids and evidence.
        rink: Name of the rink the positions are on.

    Returns:
        EVENTS. Intervals are half-open. What cannot be supported is missing from
        it and explained by :func:`not_supported`, also in
        ``ledger.attrs["not_supported"]``.
    """
    import pandas as pd

    fps, count = info.fps, _frame_count(tracks, scan, info)
    people = tracks[tracks["class"] != "puck"].reset_index(drop=True)
    motion = measure_motion(people, scan, fps)
    frames = frame_motion(people, motion, scan, count)
    missing = not_supported(tracks, positions, scan, info, rink=rink)

    entries: list[Entry] = camera_cuts(scan)
    entries += presences(people, fps, "shift" if "shift" not in missing else "in_view")
    entries += stoppages(frames, fps)
    entries += rushes(people, motion, frames, fps)
    entries += crowdings(people, motion, frames, fps)
    entries += action_peaks(frames, fps)
    if positions is not None and "zone_entry" not in missing:
        shape = rink_named(rink)
        entries += zone_entries(people, positions, shape, fps, count)
        entries += top_speeds(people, positions, fps)
        entries += line_changes(people, positions, scan, info, shape)
        if "shot" not in missing:
            entries += shots(tracks, positions, shape, fps)
    # One event, once: a window that was found twice has the same id.
    sha256 = provenance.video_sha256 if provenance else ""
    version = provenance.model_version if provenance else ""
    unique = {entry.event_id(sha256): entry for entry in entries}
    seconds_at = _clock(scan, fps)
    ledger = empty(EVENTS)
    if unique:
        rows = [
            {
                "event_id": event_id,
                "type": entry.type,
                "start_s": seconds_at(entry.start),
                "end_s": seconds_at(entry.stop),
                "team": entry.team,
                "track_ids": str(sorted(entry.tracks)),
                "confidence": entry.confidence,
                "evidence": entry.evidence(version),
            }
            for event_id, entry in unique.items()
        ]
        ledger = pd.DataFrame(rows).astype(EVENTS)
        ledger = ledger.sort_values(["start_s", "type", "event_id"], kind="stable")
        ledger = ledger.reset_index(drop=True)
    ledger.attrs["not_supported"] = missing
    return ledger


def not_supported(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame | None = None,
    info: VideoInfo | None = None,
    *,
    rink: str = "NHL",
) -> dict[str, str]:
    """The event types that this footage cannot support, each with the reason.

    Without ``scan`` and ``info`` the camera counts as one that moves.
    """
    missing: dict[str, str] = {
        "goal": "A goal needs the puck seen across the goal line or the scoreboard read;"
        " neither is done.",
    }
    if not len(tracks):
        none = "Nobody was found on the ice."
        found = ("in_view", "stoppage", "play_resumes", "rush", "crowding", "action_peak")
        missing |= dict.fromkeys(found, none)
    length = rink_named(rink).length_ft
    valid = 0.0 if positions is None or not len(positions) else float(positions["valid"].mean())
    if positions is None:
        reason = (
            "There is no rink calibration for this video, so there are no places in feet."
            " A calibration file beside the video brings them."
        )
    else:
        reason = f"Only {valid:.0%} of the positions are on the rink: the calibration does not fit."
    if valid < _ENOUGH_POSITIONS:
        on_rink = ("zone_entry", "top_speed", "line_change", "shift", "shot")
        missing |= dict.fromkeys(on_rink, reason)
        return missing
    if not whole_rink_in_view(tracks, positions, scan, info, length):
        missing["shift"] = (
            "The camera moves or sees part of the rink: leaving the picture is not leaving the"
            " ice. Time in view is given instead."
        )
    share = puck_coverage(tracks)
    if share < _ENOUGH_PUCK:
        missing["shot"] = f"The puck was followed in {share:.0%} of the frames; 30% are needed."
    return missing


def _frame_count(tracks: pd.DataFrame, scan: pd.DataFrame, info: VideoInfo) -> int:
    seen = [int(table["frame"].max()) + 1 for table in (tracks, scan) if len(table)]
    return max([info.frame_count, *seen])


def _clock(scan: pd.DataFrame, fps: float) -> Callable[[int], float]:
    """Seconds of a frame: as scanned, or by the rate beyond what was scanned."""
    frames = scan["frame"].to_numpy(np.int64)
    seconds = scan["pts_s"].to_numpy(np.float64)

    def seconds_at(frame: int) -> float:
        if not len(frames):
            return frame / fps
        at = min(int(np.searchsorted(frames, frame)), len(frames) - 1)
        return float(seconds[at] + (frame - frames[at]) / fps)

    return seconds_at
