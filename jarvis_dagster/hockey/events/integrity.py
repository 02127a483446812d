"""What must be true of every ledger.

Belongs here: the checks that an asset check or a test can run on any ledger.
Does not belong here: whether an event is right.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.ledger import EVENT_TYPES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["entry_problems", "ledger_problems", "presence_problems", "track_problems"]


def ledger_problems(events: pd.DataFrame, tracks: pd.DataFrame | None = None) -> list[str]:
    """Sentences on what is wrong with a ledger; none when it is sound.

    All of :func:`entry_problems`, :func:`presence_problems` and, with ``tracks``,
    :func:`track_problems`.
    """
    problems = entry_problems(events) + presence_problems(events)
    return problems if tracks is None else problems + track_problems(events, tracks)


def entry_problems(events: pd.DataFrame) -> list[str]:
    """What is wrong with single entries.

    Ids are unique; types are known; intervals are half-open and not empty;
    confidences are shares; evidence is JSON that names frames.
    """
    problems = []
    doubled = events.loc[events["event_id"].duplicated(), "event_id"]
    if len(doubled):
        problems.append(f"Event ids occur twice: {', '.join(doubled.unique()[:3])}.")
    strange = sorted(set(events["type"]) - set(EVENT_TYPES))
    if strange:
        problems.append(f"Event types are not documented: {', '.join(strange)}.")
    backwards = events[events["end_s"] <= events["start_s"]]
    if len(backwards):
        problems.append(f"{len(backwards)} events end before they start.")
    if not events["confidence"].between(0, 1).all():
        problems.append("Confidences lie outside 0 to 1.")
    if not all(json.loads(text).get("frames") for text in events["evidence"]):
        problems.append("Evidence names no frames.")
    return problems


def presence_problems(events: pd.DataFrame) -> list[str]:
    """Tracks that are present twice at a time."""
    present = events[events["type"].isin(["in_view", "shift"])]
    found = []
    for ids, rows in present.groupby("track_ids"):
        ordered = rows.sort_values("start_s")
        ends = ordered["end_s"].to_numpy(np.float64)[:-1]
        starts = ordered["start_s"].to_numpy(np.float64)[1:]
        if (starts < ends - 1e-9).any():
            found.append(f"Track {ids} is present twice at a time.")
    return found


def track_problems(events: pd.DataFrame, tracks: pd.DataFrame) -> list[str]:
    """Tracks that are named but do not exist, and referees with a team."""
    known = set(tracks["track_id"].unique().tolist())
    named = {i for text in events["track_ids"] for i in json.loads(text)}
    found = []
    if named - known:
        found.append(f"Events name tracks that do not exist: {sorted(named - known)[:3]}.")
    referees = tracks[(tracks["role"] == "referee") & (tracks["team"] != "")]
    if len(referees):
        found.append(f"Referees have a team: tracks {sorted(referees['track_id'].unique())[:3]}.")
    return found
