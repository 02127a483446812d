"""What contradicts that the tracks of a person are one person.

Belongs here: one place at a time, one number, human speeds. Does not belong here: making
persons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.identities.identify import MOST_GOALKEEPERS, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contradictions"]

_FASTEST_FTPS = 44.0
_ERROR_FT = 12.0  # of two positions together


def contradictions(
    identities: pd.DataFrame, tracks: pd.DataFrame, positions: pd.DataFrame | None = None
) -> list[str]:
    """Sentences, one for each person who would be in two places, or skate too fast."""
    known = identities[identities["person_id"] != UNKNOWN]
    person = known.set_index("track_id")["person_id"]
    rows = tracks[["frame", "pts_s", "track_id"]]
    rows = rows.assign(person_id=rows["track_id"].map(person)).dropna(subset=["person_id"])
    twice = rows[rows.duplicated(["person_id", "frame"], keep=False)]
    found = [
        f"{name} is in two places in frame {int(part['frame'].min())}."
        for name, part in twice.groupby("person_id")
    ]
    roles = tracks.drop_duplicates("track_id").set_index("track_id")
    keepers = known[known["track_id"].map(roles["role"]) == "goalkeeper"]
    teams = keepers["track_id"].map(roles["team"])
    for team, names in keepers.groupby(teams)["person_id"]:
        if team and names.nunique() > MOST_GOALKEEPERS:
            found.append(f"Team {team} has {names.nunique()} goalkeepers.")
    if positions is not None and len(positions):
        found += _too_fast(rows, positions)
    return found


def _too_fast(rows: pd.DataFrame, positions: pd.DataFrame) -> list[str]:
    """Where a person would have to skate too fast from one track to the next."""
    valid = positions[positions["valid"].astype(bool)]
    placed = valid[["frame", "track_id", "x_ft", "y_ft"]].merge(rows, on=["frame", "track_id"])
    placed = placed.sort_values(["person_id", "frame"], kind="stable")
    after = placed.shift(-1)
    change = (placed["person_id"] == after["person_id"]) & (placed["track_id"] != after["track_id"])
    far = np.hypot(after["x_ft"] - placed["x_ft"], after["y_ft"] - placed["y_ft"])
    wrong = change & (far > _ERROR_FT + _FASTEST_FTPS * (after["pts_s"] - placed["pts_s"]))
    return [
        f"{name} is {feet:.0f} ft away after {seconds:.1f} s, at {at:.1f} s."
        for name, feet, seconds, at in zip(
            placed.loc[wrong, "person_id"],
            far[wrong],
            (after["pts_s"] - placed["pts_s"])[wrong],
            placed.loc[wrong, "pts_s"],
            strict=True,
        )
    ]
