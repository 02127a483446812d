"""Which pictures of a person are worth reading.

Belongs here: choosing boxes from the table, cutting the upper body out. Does
not belong here: reading (``reading``), what the readings mean (``belief``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.roles.samples import crowding

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["LEAST_HEIGHT_PX", "choose_boxes", "upper_body"]

LEAST_HEIGHT_PX = 56.0
"""Of a person: the digits on the back are about a fifth of it, and below 11 px they are guessed."""
_CLEAR = 0.15
_EDGE_PX = 2.0
_TOP, _BOTTOM, _SIDE = 0.1, 0.62, 0.04
"""Shares of the box that hold the back of somebody who skates upright or bent."""


def choose_boxes(
    tracks: pd.DataFrame, *, per_track: int, apart_s: float, size_px: tuple[int, int]
) -> pd.DataFrame:
    """The rows of ``tracks`` in which a number may be read best, at most so many a track.

    Seen, not filled in; large enough; whole; hardly covered; not lying. Officials wear no
    number of a team. The largest first, each at least ``apart_s`` from the others: somebody who
    turns the back once does so for about a second.

    Args:
        tracks: TRACKS with roles.
        size_px: Width and height of the picture.

    Returns:
        Rows of ``tracks`` with a column ``worth``, the larger the better.
    """
    width, height = size_px
    tall = (tracks["y2_px"] - tracks["y1_px"]).to_numpy(np.float64)
    wide = (tracks["x2_px"] - tracks["x1_px"]).to_numpy(np.float64)
    covered = crowding(tracks)
    good = (
        tracks["observed"].to_numpy(bool)
        & tracks["role"].isin(("player", "goalkeeper", "unknown")).to_numpy(bool)
        & (tracks["class"] != "puck").to_numpy(bool)
        & (tall >= LEAST_HEIGHT_PX)
        & (tall > 0.9 * wide)
        & (covered < _CLEAR)
        & (tracks["x1_px"] > _EDGE_PX).to_numpy(bool)
        & (tracks["y1_px"] > _EDGE_PX).to_numpy(bool)
        & (tracks["x2_px"] < width - _EDGE_PX).to_numpy(bool)
        & (tracks["y1_px"] + 0.6 * tall < height).to_numpy(bool)
    )
    worth = tall * (1 - covered) * np.clip(tracks["score"].to_numpy(np.float64), 0.2, 1)
    kept: list[int] = []
    rows = np.flatnonzero(good)
    ids = tracks["track_id"].to_numpy(np.int64)[rows]
    times = tracks["pts_s"].to_numpy(np.float64)
    order = np.argsort(ids, kind="stable")
    _, starts = np.unique(ids[order], return_index=True)
    for mine in np.split(rows[order], starts[1:]) if len(rows) else []:
        taken: list[int] = []
        for row in mine[np.argsort(-worth[mine], kind="stable")]:
            if len(taken) == per_track:
                break
            if all(abs(times[row] - times[other]) >= apart_s for other in taken):
                taken.append(int(row))
        kept += taken
    kept.sort()
    return tracks.iloc[kept].assign(worth=worth[kept])


def upper_body(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The part of a BGR picture where the number of the person in ``box`` may be."""
    x1, y1, x2, y2 = box
    height, width = y2 - y1, x2 - x1
    left, right = int(max(0, x1 + _SIDE * width)), int(x2 - _SIDE * width) + 1
    top, bottom = int(max(0, y1 + _TOP * height)), int(y1 + _BOTTOM * height) + 1
    return image[top:bottom, left:right]
