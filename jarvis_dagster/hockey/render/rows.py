"""Tables by frame number.

Belongs here: quick look-up of one frame's rows and camera motion. Does not
belong here: drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["FrameRows", "motions", "seen_nearby"]


class FrameRows:
    """The rows of a table with a ``frame`` column, by frame.

    Args:
        table: In any order; kept as columns, so memory stays that of the table.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        ordered = table.sort_values("frame", kind="stable")
        self._frames = ordered["frame"].to_numpy()
        self._columns = {name: ordered[name].to_numpy() for name in ordered.columns}

    def of(self, number: int) -> list[dict[str, Any]]:
        """The rows of frame ``number`` as dicts."""
        start = int(np.searchsorted(self._frames, number, "left"))
        stop = int(np.searchsorted(self._frames, number, "right"))
        return [
            {name: values[at] for name, values in self._columns.items()}
            for at in range(start, stop)
        ]


def motions(scan: pd.DataFrame | None) -> Callable[[int], NDArray[np.float64] | None]:
    """A function from a frame's number to its camera motion (2, 3), ``None`` when unknown.

    Without a scan the camera is taken to stand still.
    """
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    if scan is None:
        return lambda _: still
    names = ("dx_px", "dy_px", "scale", "angle_rad")
    dx, dy, scale, angle = (scan[name].to_numpy(np.float64) for name in names)
    known, cut = scan["motion_ok"].to_numpy(bool), scan["is_cut"].to_numpy(bool)

    def motion(number: int) -> NDArray[np.float64] | None:
        if not 0 <= number < len(dx) or cut[number] or not known[number]:
            return None
        cos, sin = scale[number] * np.cos(angle[number]), scale[number] * np.sin(angle[number])
        return np.array([[cos, -sin, dx[number]], [sin, cos, dy[number]]])

    return motion


def seen_nearby(tracks: pd.DataFrame, reach: float) -> NDArray[np.bool_]:
    """Whether each row's track was observed at most ``reach`` frames before or after it.

    The detector looks at every n-th frame, and misses one now and then: what is
    filled in between two such looks is as sure as the looks are.
    """
    ordered = tracks.sort_values(["track_id", "frame"], kind="stable")
    observed = ordered["frame"].where(ordered["observed"].astype(bool)).groupby(ordered["track_id"])
    before = ordered["frame"] - observed.ffill()
    after = observed.bfill() - ordered["frame"]
    near = (before <= reach) | (after <= reach)  # comparisons with NaN are false
    return near.reindex(tracks.index).to_numpy(bool)
