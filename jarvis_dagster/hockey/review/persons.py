"""Corrections applied to persons: tracks that a person said are one, also over camera cuts.

Belongs here: ``same_person`` on the table of identities. Does not belong here: joining
tracks within a shot (``applying``), finding persons (``hockey/identities``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.identities import UNKNOWN
from jarvis_dagster.hockey.review.sightings import TrackIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from jarvis_dagster.hockey.review.corrections import Correction

__all__ = ["correct_persons"]


def correct_persons(
    identities: pd.DataFrame, tracks: pd.DataFrame, corrections: Sequence[Correction]
) -> pd.DataFrame:
    """IDENTITIES in which the tracks that a person said are one are one person, for certain.

    They get the surest name among them. Tracks that were joined with them by evidence stay so.

    Args:
        identities: As found.
        tracks: TRACKS, corrected.
    """
    index = TrackIndex(tracks)
    out = identities.copy()
    for one in corrections:
        if one.kind != "same_person" or not one.seen:
            continue
        ids = sorted({track for seen in one.seen for track in index.find(seen)})
        mine = out["track_id"].isin(ids)
        if mine.sum() < 2:
            continue
        known = out[mine & (out["person_id"] != UNKNOWN)]
        if len(known):
            best = known.sort_values(
                ["number", "probability"], ascending=False, key=_numbered_first
            ).iloc[0]
            name, number = str(best["person_id"]), str(best["number"])
        else:
            name, number = _new_name(out, tracks, ids[0]), ""
        out.loc[mine, "person_id"] = name
        out.loc[mine, "number"] = number
        out.loc[mine, "probability"] = np.float32(1.0)
        evidence = json.dumps({"by": ["person"], "with": ids})
        out.loc[mine, "evidence"] = evidence
    return out


def _numbered_first(column: pd.Series) -> pd.Series:
    return column.ne("") if column.name == "number" else column


def _new_name(identities: pd.DataFrame, tracks: pd.DataFrame, track: int) -> str:
    first = tracks[tracks["track_id"] == track].iloc[0]
    side = "official" if first["role"] == "referee" else (str(first["team"]) or "?")
    taken = set(identities["person_id"])
    number = 1
    while f"{side}-p{number}" in taken:
        number += 1
    return f"{side}-p{number}"
