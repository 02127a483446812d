"""From chains of detections to a box in every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["fill"]


def fill(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    chains: list[NDArray[np.intp]],
    fps: float,
    width_px: int,
    height_px: int,
) -> dict[str, NDArray]:
    """A box for every frame from the first to the last detection of each chain."""
    parts: dict[str, list[NDArray]] = {
        name: [] for name in ("frame", "edges", "score", "label", "row", "track_id")
    }
    for number, chain in enumerate(chains):
        seen = boxes.frame[chain]
        frames = np.arange(seen[0], seen[-1] + 1)
        cam_seen = shift[np.searchsorted(ticks, seen)]
        cam = np.stack([np.interp(frames, ticks, shift[:, a]) for a in range(2)], axis=1)
        box = boxes.box[chain].copy()
        box[:, :2] -= cam_seen
        dense = np.stack([np.interp(frames, seen, box[:, a]) for a in range(4)], axis=1)
        dense[:, :2] += cam
        row = np.full(len(frames), -1, dtype=np.int64)
        row[seen - seen[0]] = boxes.row[chain]
        score = np.interp(frames, seen, boxes.score[chain])
        label = np.full(len(frames), int(np.bincount(boxes.label[chain] + 1).argmax()) - 1)
        edges = np.concatenate(
            [dense[:, :2] - dense[:, 2:] / 2, dense[:, :2] + dense[:, 2:] / 2], 1
        )
        edges = np.clip(edges, 0, [width_px, height_px, width_px, height_px])
        for name, values in (
            ("frame", frames),
            ("edges", edges),
            ("score", score),
            ("label", label),
            ("row", row),
            ("track_id", np.full(len(frames), number)),
        ):
            parts[name].append(values)
    return {name: np.concatenate(v) if v else np.zeros(0, np.int64) for name, v in parts.items()}
