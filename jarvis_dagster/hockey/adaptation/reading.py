"""How surely the roles of one video's people were read.

Belongs here: measures from its tables. Does not belong here: reading roles (``hockey/roles``,
``hockey/detection/role_reader``), what the measures are worth (``performance``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["reading"]

_AT_ONCE = {"goalkeeper": 2, "referee": 4}
"""More of them are never on the ice; whatever reads more read some of them wrong."""


def reading(tracks: pd.DataFrame, detections: pd.DataFrame) -> dict[str, float]:
    """``unsure``, the share of readings that speak against the role of the person whom they are of,
    and ``crowded``, the share of pictures with more goalkeepers or referees than there can be.

    A reader that is always wrong in the same way, and within the rules, is not told by either.
    """
    figures = {}
    people = tracks[(tracks["class"] != "puck") & tracks["observed"].to_numpy(bool)]
    if len(people):
        figures["unsure"] = float(1 - people["role_score"].to_numpy(np.float64).mean())
    found = detections[detections["class"] != "puck"]
    if len(found):
        crowded: set[int] = set()
        for role, most in _AT_ONCE.items():
            count = found[found["class"] == role].groupby("frame").size()
            crowded |= set(count[count > most].index)
        figures["crowded"] = len(crowded) / found["frame"].nunique()
    return {name: round(value, 5) for name, value in figures.items()}
