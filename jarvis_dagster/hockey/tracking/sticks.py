"""Boxes that hold the stick in one frame and not in the next.

Belongs here: whether a detector makes such boxes, and how far off they may be. Does not belong
here: what follows from it for matching and smoothing.

A detector that learned from labels of both kinds changes its mind from frame to frame: one
edge of a box then jumps by half a body while the other three stay, and the middle with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

    Floats = NDArray[np.float64]

__all__ = ["stick_share", "stick_variance", "without_stick"]

_JUMP = 0.2
"""Own heights by which a width changes from one look to the next."""
_MANY = 0.012
"""Share of such changes from which on sticks are the reason: more of them are in videos, and not
half as many in the ground truth of NHL games with every edge 2 px off."""
_SHARE = 0.2
_SLIM = 0.6
"""Width by height up to which a box holds no stick."""
_WIDER = 1.2
"""Beside the slimmest third of the second around: what is wider is looked at, ..."""
_LOW = 0.75
_NEAR_S = 1.0
"""... and cut where a slimmer box is as near as this."""
_PACE_S = 0.15
"""Time over which a pace is measured."""


def stick_share(boxes: Boxes, pieces: list[NDArray[np.intp]]) -> float:
    """Share of what sticks out of a box by which its middle may be off; 0: none holds a stick.

    Args:
        boxes: all detections.
        pieces: tracklets, indices into ``boxes``, in order of time.
    """
    runs = [boxes.box[piece] for piece in pieces if len(piece) >= 5]
    if not runs:
        return 0.0
    jumps = np.concatenate([np.abs(np.diff(run[:, 2])) / run[1:, 3] > _JUMP for run in runs])
    return _SHARE if jumps.mean() > _MANY else 0.0


def stick_variance(box: Floats, share: float) -> Floats:
    """(N, 4): what a stick may add to the variance of centre and size, in px².

    Args:
        box: (N, 4) centre and size.
        share: as :func:`stick_share` gives it.
    """
    out = np.clip(box[:, 2] - _SLIM * box[:, 3], 0, _SLIM * box[:, 3])
    added = np.zeros_like(box)
    added[:, 0] = (share * out) ** 2
    added[:, 2] = (2 * share * out) ** 2
    return added


def without_stick(box: Floats, shift: Floats, seconds: Floats) -> Floats:
    """The boxes of one person, cut to the body where the slimmer ones around tell which edge.

    Args:
        box: (n, 4) centre and size, in order of time.
        shift: (n, 2) of the camera.
        seconds: (n,) when.
    """
    low = np.searchsorted(seconds, seconds - _NEAR_S)
    high = np.searchsorted(seconds, seconds + _NEAR_S, side="right")
    # Who bends is wide without a stick: his height is that of his taller boxes around.
    tall = np.maximum(box[:, 3], -_lowest_third(-box[:, 3], low, high))
    ratio = box[:, 2] / tall
    usual = _lowest_third(ratio, low, high)
    slim = (ratio <= _WIDER * usual) | (ratio <= _SLIM) | lies(box, tall)
    if slim.all() or not slim.any():
        return box
    known = seconds[slim]
    edges = box[:, :1] - shift[:, :1] + box[:, 2:3] * np.array([-0.5, 0.5])
    away = np.abs(edges - _path(known, edges[slim], seconds))
    width = np.interp(seconds, known, ratio[slim]) * tall
    width = np.minimum(np.maximum(width, np.interp(seconds, known, box[slim, 2])), box[:, 2])
    after = np.minimum(np.searchsorted(known, seconds), len(known) - 1)
    near = np.minimum(np.abs(known[after] - seconds), np.abs(seconds - known[after - 1])) <= _NEAR_S
    cut = np.flatnonzero(~slim & near)
    side = np.where(away[cut, 0] < away[cut, 1], -1, 1)
    out = box.copy()
    out[cut, 0] += side * (box[cut, 2] - width[cut]) / 2
    out[cut, 2] = width[cut]
    return out


def lies(box: Floats, tall: Floats) -> NDArray[np.bool_]:
    """(n,) who lies: low beside how ``tall`` he is (n,), and wide. A stick makes nobody low."""
    return np.asarray((box[:, 3] < _LOW * tall) & (box[:, 2] > box[:, 3]))


def _lowest_third(values: Floats, low: NDArray[np.intp], high: NDArray[np.intp]) -> Floats:
    """Below which a third of ``values[low:high]`` are, for each such window."""
    return np.array(
        [
            np.partition(values[a:b], (b - a) // 3)[(b - a) // 3]
            for a, b in zip(low, high, strict=True)
        ]
    )


def _path(known: Floats, places: Floats, seconds: Floats) -> Floats:
    """(n, k) where the ``places`` (m, k) of the times ``known`` lead; on at their pace beyond them.

    Known for one time only, they stay.
    """
    out = np.stack([np.interp(seconds, known, place) for place in places.T], axis=1)
    early = np.flatnonzero(known >= known[0] + _PACE_S)[:1]
    late = np.flatnonzero(known <= known[-1] - _PACE_S)[-1:]
    for end, other in ((0, early), (-1, late)):
        if len(other):
            pace = (places[other[0]] - places[end]) / (known[other[0]] - known[end])
            beyond = seconds - known[end]
            beyond = np.minimum(beyond, 0) if end == 0 else np.maximum(beyond, 0)
            out += beyond[:, None] * pace
    return np.asarray(out)
