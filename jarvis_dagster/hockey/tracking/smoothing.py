"""From chains of detections to a smooth box in every frame.

Belongs here: removing detection jitter, filling misses. Does not belong here:
deciding which detections are one person.

A smoothing spline for each of centre and size (Whittaker 1923; Eilers,
Analytical Chemistry 75, 2003, in the sparse form used here): it bridges misses
by itself and has one number, a time, which grows with the measured jitter.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Smoothing", "fill", "spline"]


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """Numbers of the smoothing."""

    place_s: float = 0.052  # at a jitter of .05 of the box size
    size_s: float = 0.085
    longest_fill_s: float = 1.5  # a longer gap stays empty


def spline(
    weight: NDArray[np.float64], values: NDArray[np.float64], time_frames: float
) -> NDArray[np.float64]:
    """Smooth ``values`` (n, k) sampled every frame; weight 0 marks what is missing.

    Minimises the weighted squared error plus ``time_frames**4`` times the
    squared second difference.
    """
    from scipy.linalg import solveh_banded

    count = len(weight)
    if count < 3:
        return values.copy()
    penalty = max(time_frames, 1e-2) ** 4
    band = np.zeros((3, count))
    inner = count - 2
    kernel = (1.0, -2.0, 1.0)
    for first in range(3):
        for second in range(first, 3):
            band[2 - (second - first), second : second + inner] += (
                penalty * kernel[first] * kernel[second]
            )
    band[2] += weight + 1e-9
    return np.asarray(solveh_banded(band, weight[:, None] * values, check_finite=False))


def fill(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    chains: list[NDArray[np.intp]],
    *,
    fps: float,
    width_px: int,
    height_px: int,
    noise: float,
    options: Smoothing | None = None,
) -> dict[str, NDArray]:
    """A box for every frame from the first to the last detection of each chain."""
    options = options or Smoothing()
    parts: dict[str, list[NDArray]] = {
        name: [] for name in ("frame", "edges", "score", "label", "row", "track_id")
    }
    scale = (max(noise, 1e-3) / 0.05) ** 0.5 * fps
    for number, chain in enumerate(chains):
        label = int(np.bincount(boxes.label[chain] + 1).argmax()) - 1
        breaks = np.flatnonzero(np.diff(boxes.frame[chain]) > options.longest_fill_s * fps) + 1
        for part in np.split(chain, breaks):
            seen = boxes.frame[part]
            frames = np.arange(seen[0], seen[-1] + 1)
            box = _smooth(
                boxes.box[part], seen - seen[0], len(frames), frames, ticks, shift, scale, options
            )
            row = np.full(len(frames), -1, dtype=np.int64)
            row[seen - seen[0]] = boxes.row[part]
            edges = np.concatenate(
                [box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], axis=1
            )
            parts["frame"].append(frames)
            parts["edges"].append(np.clip(edges, 0, [width_px, height_px, width_px, height_px]))
            parts["score"].append(np.interp(frames, seen, boxes.score[part]))
            parts["label"].append(np.full(len(frames), label))
            parts["row"].append(row)
            parts["track_id"].append(np.full(len(frames), number))
    return {name: np.concatenate(v) if v else np.zeros(0, np.int64) for name, v in parts.items()}


def _smooth(box, at, count, frames, ticks, shift, scale, options):
    camera = np.stack([np.interp(frames, ticks, shift[:, axis]) for axis in range(2)], axis=1)
    values = np.zeros((count, 4))
    weight = np.zeros(count)
    values[at] = box
    values[at, :2] -= camera[at]
    weight[at] = 1
    out = values.copy()
    if len(at) < 3:
        for axis in range(4):
            out[:, axis] = np.interp(np.arange(count), at, values[at, axis])
    else:
        out[:, :2] = spline(weight, values[:, :2], options.place_s * scale)
        out[:, 2:] = spline(weight, values[:, 2:], options.size_s * scale)
    out[:, :2] += camera
    out[:, 2:] = np.maximum(out[:, 2:], 1)
    return out
