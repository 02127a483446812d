"""What a person is called in the picture.

Belongs here: the text beside a track. Does not belong here: who is who (``hockey/identities``),
drawing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["names_of"]


def names_of(
    tracks: pd.DataFrame, jerseys: dict[int, str], identities: pd.DataFrame | None = None
) -> dict[int, str]:
    """The text of every track.

    ``#17 (3)`` is track 3 with number 17 on his back; ``2 (9)`` is track 9 of the person who was
    track 2 before he left the picture; everybody else is the number of his track.

    Args:
        tracks: TRACKS.
        jerseys: Numbers that are sure, by track.
        identities: IDENTITIES.
    """
    from jarvis_dagster.hockey.identities import persons

    names = {int(track): str(int(track)) for track in tracks["track_id"].unique()}
    worn = dict(jerseys)
    if identities is not None:
        told = identities[identities["number"] != ""]
        numbers = dict(zip(told["person_id"], told["number"], strict=True))
        for person, mine in persons(identities).items():
            for track in mine:
                if track not in names:
                    continue
                if track != mine[0]:
                    names[track] = f"{mine[0]} ({track})"
                if person in numbers and len(mine) > 1:
                    worn.setdefault(track, numbers[person])
    names.update({track: f"#{worn[track]} ({track})" for track in names if track in worn})
    return names
