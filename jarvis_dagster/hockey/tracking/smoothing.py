"""From chains of detections to a smooth box in every frame.

Belongs here: removing detection jitter, filling misses. Does not belong here:
deciding which detections are one person.

A smoothing spline for each of centre and size (Whittaker 1923; Eilers,
Analytical Chemistry 75, 2003, in the sparse form used here): it bridges misses
by itself and has one number, a time, which grows with the measured jitter. Who
glides and then turns is smoothed less where he turns: reweighted, as for trends
with kinks (Kim, Koh, Boyd and Gorinevsky, SIAM Review 51, 2009).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.tracking.sticks import without_stick

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes
    from jarvis_dagster.hockey.tracking.camera import CameraPath

__all__ = ["Smoothing", "fill", "spline"]


_ROUNDS = 2
_STIFF = 4.0  # where there is no more turn than usual, about three times the plain spline
_LEAST_TURN = 0.3  # share of the usual turn


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """Numbers of the smoothing."""

    place_s: float = 0.052  # at a jitter of .05 of the box size
    size_s: float = 0.085
    longest_fill_s: float = 1.1  # a longer gap is an absence and stays empty


def spline(
    weight: NDArray[np.float64],
    values: NDArray[np.float64],
    time_frames: float,
    turns: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    """Smooth ``values`` (n, k) sampled every frame; weight 0 marks what is missing.

    At least two weights are above 0.
    Minimises the weighted squared error plus ``time_frames**4`` times the
    squared second difference, each times its own one of ``turns`` (n - 2).
    """
    from scipy.linalg import solveh_banded

    count = len(weight)
    if count < 3:
        return values.copy()
    inner = count - 2
    penalty = max(time_frames, 1e-2) ** 4 * np.broadcast_to(turns, inner)
    band = np.zeros((3, count))
    kernel = (1.0, -2.0, 1.0)
    for first in range(3):
        for second in range(first, 3):
            band[2 - (second - first), second : second + inner] += (
                penalty * kernel[first] * kernel[second]
            )
    band[2] += weight
    return np.asarray(solveh_banded(band, weight[:, None] * values, check_finite=False))


def with_turns(
    weight: NDArray[np.float64], values: NDArray[np.float64], time_frames: float
) -> NDArray[np.float64]:
    """As :func:`spline`, column by column, smoothed less where a column turns."""
    columns = []
    for column in values.T[:, :, None]:
        out = spline(weight, column, time_frames)
        for _ in range(_ROUNDS):
            turn = np.abs(np.diff(out[:, 0], 2))
            usual = np.median(turn) if len(turn) else 0.0
            if usual <= 0:
                break
            out = spline(weight, column, time_frames, _STIFF / (_LEAST_TURN + turn / usual))
        columns.append(out)
    return np.concatenate(columns, axis=1)


def fill(
    boxes: Boxes,
    path: CameraPath,
    chains: list[NDArray[np.intp]],
    *,
    fps: float,
    noise: float,
    stick: float = 0.0,
    options: Smoothing | None = None,
    span: tuple[int, int] | None = None,
    step: float = 1.0,
    revealed: NDArray[np.intp] | None = None,
) -> dict[str, NDArray[Any]]:
    """A box for every frame from the first to the last detection of each chain.

    Who is there at the first or last look at a shot is there where the shot begins or ends, too.

    Args:
        boxes: all detections.
        path: how the picture moved.
        chains: indices into ``boxes``.
        fps: frames a second.
        noise: jitter of the detections, share of the box size.
        stick: above 0 where boxes hold the stick now and then: it is cut off.
        options: see :class:`Smoothing`.
        span: first and last frame of the shot; by default those of the detections.
        step: frames from one look to the next.
        revealed: detections with which somebody comes out from behind another; the time before
            stays empty.

    Returns:
        Columns ``frame, box`` (n, 4 centre and size), ``score, label, row``
        (-1 where filled) and ``chain`` (index into ``chains``).
    """
    options = options or Smoothing()
    scale = (max(noise, 1e-3) / 0.05) ** 0.5 * fps
    columns: list[dict[str, NDArray[Any]]] = []
    for number, chain in enumerate(chains):
        label = int(np.bincount(boxes.label[chain] + 1).argmax()) - 1
        empty = np.diff(boxes.frame[chain]) > options.longest_fill_s * fps
        if revealed is not None:
            empty |= np.isin(chain[1:], revealed)
        breaks = np.flatnonzero(empty) + 1
        for part in np.split(chain, breaks):
            seen = boxes.frame[part]
            first, last = int(seen[0]), int(seen[-1])
            if span is not None:
                first = span[0] if first - span[0] < step else first
                last = span[1] if span[1] - last < step else last
            frames = np.arange(first, last + 1)
            row = np.full(len(frames), -1, dtype=np.int64)
            row[seen - first] = boxes.row[part]
            columns.append(
                {
                    "frame": frames,
                    "box": _smooth(
                        boxes.box[part]
                        if not stick
                        else without_stick(boxes.box[part], path.at(seen), seen / fps),
                        seen - first,
                        path.at(frames),
                        scale,
                        options,
                    ),
                    "score": np.interp(frames, seen, boxes.score[part]),
                    "label": np.full(len(frames), label),
                    "row": row,
                    "chain": np.full(len(frames), number),
                }
            )
    return {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}


def _smooth(
    box: NDArray[np.float64],
    at: NDArray[np.int64],
    shift: NDArray[np.float64],
    scale: float,
    options: Smoothing,
) -> NDArray[np.float64]:
    """A box for each ``shift`` of the camera, smooth without it; those ``at`` were seen."""
    every = np.arange(len(shift))
    values = np.zeros((len(every), 4))
    values[at] = box
    values[at, :2] -= shift[at]
    weight = np.zeros(len(every))
    weight[at] = 1
    if len(at) < 3:
        columns = [np.interp(every, at, values[at, axis]) for axis in range(4)]
        out = np.stack(columns, axis=1)
    else:
        place = with_turns(weight, values[:, :2], options.place_s * scale)
        size = with_turns(weight, values[:, 2:], options.size_s * scale)
        out = np.concatenate([place, size], axis=1)
    out[:, :2] += shift
    out[:, 2:] = np.maximum(out[:, 2:], 1)
    return out
