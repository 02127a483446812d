"""The event ledger: every event the footage supports, and what it does not.

Belongs here: putting the events of all sources together. Does not belong here:
finding any one of them, or what the footage supports (:mod:`.support`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.events.changes import line_changes
from jarvis_dagster.hockey.events.confidence import calibrated
from jarvis_dagster.hockey.events.faceoffs import face_offs
from jarvis_dagster.hockey.events.motion import frame_motion, measure_motion, paced
from jarvis_dagster.hockey.events.plausible import keep_possible, sound_tracks
from jarvis_dagster.hockey.events.play import action_peaks, crowdings, rushes, stoppages
from jarvis_dagster.hockey.events.possession import possessions
from jarvis_dagster.hockey.events.presence import camera_cuts, presences
from jarvis_dagster.hockey.events.puck import shots
from jarvis_dagster.hockey.events.rink_events import net_fronts, placed_people, top_speeds
from jarvis_dagster.hockey.events.scoreboard import read_game, scoreboard_events
from jarvis_dagster.hockey.events.settling import settle
from jarvis_dagster.hockey.events.support import unsupported
from jarvis_dagster.hockey.events.zones import keeper_ends, zone_events
from jarvis_dagster.hockey.rink import rink_named
from jarvis_dagster.hockey.tables import EVENTS, Provenance, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jarvis_dagster.hockey.events.entry import Entry
    from jarvis_dagster.hockey.events.scoreboard import GameState
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["build_ledger"]


def build_ledger(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame,
    info: VideoInfo,
    provenance: Provenance | None = None,
    *,
    rink: str = "NHL",
    scoreboard: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every event that the tables support, in the order of time.

    Args:
        tracks: TRACKS with roles and teams.
        positions: POSITIONS, or None without a calibration.
        scan: SCAN of the whole video.
        info: The video's rate and length.
        provenance: Names video and model in ids and evidence.
        rink: Name of the rink the positions are on.
        scoreboard: SCOREBOARD, or None where nobody looked for one.

    Returns:
        EVENTS. Intervals are half-open. What cannot be supported is missing from
        it and explained in ``ledger.attrs["not_supported"]``; what was left out
        because it cannot be true is counted in ``ledger.attrs["taken_back"]``.
    """
    fps, count = info.fps, frame_count(tracks, scan, info)
    tracks, taken_back = sound_tracks(tracks, scan)
    if positions is not None:
        positions = positions.merge(tracks[["frame", "track_id"]], on=["frame", "track_id"])
        positions, impossible = keep_possible(positions, tracks, fps, rink)
        taken_back |= {f"position_{name}": number for name, number in impossible.items()}
    game = read_game(scoreboard)
    missing = unsupported(tracks, positions, scan, info, game, rink=rink)
    people = tracks[tracks["class"] != "puck"].reset_index(drop=True)
    placed = None
    if positions is not None and "zone_entry" not in missing:
        placed = placed_people(people, positions)
    entries = _from_picture(people, placed, scan, fps, count)
    if positions is None or placed is None:
        entries += presences(people, fps, "in_view")
    else:
        entries += _from_places(tracks, people, positions, placed, scan, info, rink, missing)
    if game is not None:
        entries += scoreboard_events(game, fps)
        taken_back |= {f"scoreboard_{name}": number for name, number in game.dropped.items()}
    entries = [calibrated(entry) for entry in entries if entry.type not in missing]
    entries, contradicted = settle(entries, fps, count)
    ledger = _table(entries, provenance, _clock(scan, fps), game, fps)
    ledger.attrs["not_supported"] = missing
    ledger.attrs["taken_back"] = taken_back | contradicted
    return ledger


def _from_picture(
    people: pd.DataFrame, placed: pd.DataFrame | None, scan: pd.DataFrame, fps: float, count: int
) -> list[Entry]:
    """What needs no place on the rink; where there are places, stillness is told by them."""
    motion = measure_motion(people, scan, fps)
    frames = frame_motion(people, motion, scan, count)
    entries = camera_cuts(scan)
    entries += stoppages(frames if placed is None else paced(frames, placed), fps)
    entries += rushes(people, motion, frames, fps)
    entries += crowdings(people, motion, frames, fps)
    entries += action_peaks(frames, fps)
    return entries


def _from_places(
    tracks: pd.DataFrame,
    people: pd.DataFrame,
    positions: pd.DataFrame,
    placed: pd.DataFrame,
    scan: pd.DataFrame,
    info: VideoInfo,
    rink: str,
    missing: dict[str, str],
) -> list[Entry]:
    """What needs places on the rink."""
    shape, fps, count = rink_named(rink), info.fps, frame_count(tracks, scan, info)
    kind = "in_view" if "shift" in missing else "shift"
    entries = presences(people, fps, kind, keeper_ends(placed, shape))
    entries += zone_events(placed, shape, fps, count)
    entries += top_speeds(people, positions, fps)
    entries += line_changes(people, placed, scan, info, shape)
    entries += face_offs(placed, shape, fps, count)
    entries += net_fronts(placed, shape, fps, count)
    if "shot" not in missing:
        entries += shots(tracks, positions, shape, fps)
        entries += possessions(tracks, placed, positions, fps, count)
    return entries


def _table(
    entries: list[Entry],
    provenance: Provenance | None,
    seconds_at: Callable[[int], float],
    game: GameState | None,
    fps: float,
) -> pd.DataFrame:
    """EVENTS; one event once, as a window that was found twice has the same id."""
    import pandas as pd

    sha256 = provenance.video_sha256 if provenance else ""
    version = provenance.model_version if provenance else ""
    unique = {entry.event_id(sha256): entry for entry in entries}
    if not unique:
        return empty(EVENTS)
    rows: list[dict[str, Any]] = [
        {
            "event_id": event_id,
            "type": entry.type,
            "start_s": seconds_at(entry.start),
            "end_s": seconds_at(entry.stop),
            "team": entry.team,
            "track_ids": str(sorted(entry.tracks)),
            "confidence": entry.confidence,
            "evidence": entry.evidence(version, game.at(entry.start, fps) if game else None),
        }
        for event_id, entry in unique.items()
    ]
    ledger = pd.DataFrame(rows).astype(EVENTS)
    ledger = ledger.sort_values(["start_s", "type", "event_id"], kind="stable")
    return ledger.reset_index(drop=True)


def frame_count(tracks: pd.DataFrame, scan: pd.DataFrame, info: VideoInfo) -> int:
    """Frames of the video: as counted, or as seen where more were seen."""
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
