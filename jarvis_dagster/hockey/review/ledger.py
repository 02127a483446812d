"""Corrections applied to the ledger of events, as a pure function.

Belongs here: events that were none, events that were missed. Does not belong here:
corrections of tracks (``applying``), finding events (``hockey/events``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.events import EVENT_TYPES
from jarvis_dagster.hockey.events.entry import Entry
from jarvis_dagster.hockey.review.applying import Outcome
from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME, OF_EVENTS, Correction
from jarvis_dagster.hockey.review.sightings import TrackIndex
from jarvis_dagster.hockey.tables import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

__all__ = ["ADDABLE", "correct_events", "require_events"]

_FOLLOWING = (
    *("in_view", "shift", "top_speed", "camera_cut", "period", "action_peak"),
    *("stoppage", "play_resumes", "zone_time", "possession"),
)
ADDABLE = tuple(kind for kind in EVENT_TYPES if kind not in _FOLLOWING)
"""What a person may add; the others follow from the tracks and the pictures."""
_LEAST_OVERLAP = 0.3
_NEAR_S = 1.0


def require_events(corrections: Sequence[Correction], name: str = CORRECTIONS_NAME) -> None:
    """Return when the events that are added are of types that a person may add.

    Raises:
        BadInputError: naming the line.
    """
    for one in corrections:
        if one.kind == "event_missed" and one.value not in ADDABLE:
            raise BadInputError(
                f"{name}, line {one.line}: {one.value!r} is no event that can be added.",
                f"Use one of {', '.join(ADDABLE)}.",
            )
        if one.kind != "event_missed":
            continue
        for other in corrections:
            if other.kind == "event_wrong" and other.value == one.value and _same(one, other):
                raise BadInputError(
                    f"{name}, line {one.line}: {one.words}, but line {other.line} says:"
                    f" {other.words}.",
                    "Take out one of the two.",
                )


def _same(one: Correction, other: Correction) -> bool:
    a, b = (one.at_s, one.until_s), (other.at_s, other.until_s)
    if None in (*a, *b):
        return False
    return _overlap(float(a[0] or 0), float(a[1] or 0), float(b[0] or 0), float(b[1] or 0)) > 0.5


def correct_events(
    events: pd.DataFrame,
    tracks: pd.DataFrame,
    corrections: Sequence[Correction],
    scan: pd.DataFrame,
    *,
    video_sha256: str = "",
    against: Callable[[pd.DataFrame], list[str]] | None = None,
) -> tuple[pd.DataFrame, list[Outcome]]:
    """EVENTS as a person corrected them, and what came of each correction of an event.

    Args:
        events: As found, of the corrected tracks.
        tracks: TRACKS, corrected.
        corrections: Bound ones; those of tracks and numbers are left to others.
        scan: SCAN, for the frames that a time means.
        video_sha256: Names the video in ids.
        against: Sentences on what is impossible in a ledger: an event that brings new ones
            is not added.
    """
    import pandas as pd

    def faults(ledger: pd.DataFrame) -> set[str]:
        return set(against(ledger)) if against is not None else set()

    index = TrackIndex(tracks)
    outcomes = []
    for one in corrections:
        if one.kind not in OF_EVENTS:
            continue
        row = _find(events, one)
        ids: tuple[int, ...] = ()
        why = ""
        if one.kind == "event_wrong":
            why = "" if row is not None else "no such event is found any more"
            if row is not None:
                ids = tuple(json.loads(events["track_ids"].iloc[row]))
                events = events.drop(index=events.index[row])
        elif row is not None:
            why = "it is in the ledger already"
        else:
            ids = tuple(sorted({track for seen in one.seen for track in index.find(seen)}))
            added = pd.DataFrame([_row(one, ids, scan, video_sha256)]).astype(EVENTS)
            more = pd.concat([events, added], ignore_index=True) if len(events) else added
            new = faults(more) - faults(events)
            why = f"it cannot be: {' '.join(sorted(new)).rstrip('.')}" if new else ""
            events = events if new else more
        outcomes.append(Outcome(one.line, one.kind, one.words, one.key, ids, why))
    ordered = events.sort_values(["start_s", "type", "event_id"], kind="stable", ignore_index=True)
    ordered.attrs = dict(events.attrs)
    return ordered, outcomes


def _find(events: pd.DataFrame, one: Correction) -> int | None:
    """Position of the event that a correction is about."""
    if one.event:
        named = np.flatnonzero(events["event_id"] == one.event)
        if len(named):
            return int(named[0])
    best, most = None, 0.0
    start, end = one.at_s or 0.0, one.until_s or (one.at_s or 0.0) + _NEAR_S
    for position, row in enumerate(events.to_dict("records")):
        if row["type"] != one.value or (one.team and row["team"] not in ("", one.team)):
            continue
        overlap = _overlap(start, end, float(row["start_s"]), float(row["end_s"]))
        if overlap >= _LEAST_OVERLAP and overlap > most:
            best, most = position, overlap
    return best


def _overlap(start: float, end: float, other_start: float, other_end: float) -> float:
    """Intersection over union of two intervals; short ones near each other count as one."""
    inside = min(end, other_end) - max(start, other_start)
    both = max(end, other_end) - min(start, other_start)
    near = abs((start + end) / 2 - (other_start + other_end) / 2) < _NEAR_S / 2
    short = min(end - start, other_end - other_start) < _NEAR_S
    return max(inside / max(both, 1e-9), 0.5 if near and short else 0.0)


def _row(
    one: Correction, ids: tuple[int, ...], scan: pd.DataFrame, video_sha256: str
) -> dict[str, object]:
    seconds = scan["pts_s"].to_numpy(np.float64)
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    edges = np.append(seconds, seconds[-1] + step)  # of frames, and the end
    start = min(len(seconds) - 1, int(np.abs(edges - (one.at_s or 0.0)).argmin()))
    stop = max(start + 1, int(np.abs(edges - (one.until_s or 0.0)).argmin()))
    entry = Entry(one.value, start, stop, ids, 1.0, {}, one.team)
    evidence = {"frames": [start, stop], "tracks": list(ids), "measures": {}, "source": "person"}
    if one.note:
        evidence["note"] = one.note
    return {
        "event_id": entry.event_id(video_sha256),
        "type": one.value,
        "start_s": float(edges[start]),
        "end_s": float(edges[stop]),
        "team": one.team,
        "track_ids": str(sorted(ids)),
        "confidence": 1.0,
        "evidence": json.dumps(evidence, sort_keys=True),
    }
