"""What is taken for a person: a logo on the boards or under the ice, a head in the stands, a skate.

Belongs here: finding chains that only the camera moves, and those that are far too large or too
small. Does not belong here: doubting single boxes for where they stand (``hockey/detection``).

People stand still, too; but the detector is sure of them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.camera import resting_places

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Furniture", "without_furniture", "without_giants", "without_parts"]


_EDGE_PX = 3.0


@dataclasses.dataclass(frozen=True)
class Furniture:
    """What makes a chain furniture; lengths in its own heights."""

    doubted: float = 0.7  # share of the usual score below which a chain may be furniture
    carried: float = 1.5  # across the picture, by the camera; less proves nothing
    still: float = 0.12  # median distance from where it rests
    stray: float = 0.3  # of nine in ten of its detections
    unsure: float = 0.8  # share of the usual score below which a chain may be a giant
    large: float = 1.6  # beside the tallest tenth of the others of that second or so
    around_s: float = 0.5  # before and after
    company: int = 15  # detections of others that tell how tall people are
    small: float = 0.45  # beside the middle one of those who stand about as far away
    part: float = 0.95  # share of the usual score below which a chain may be a part of somebody
    near: float = 1.5  # own heights by which others may stand nearer to the camera
    few: int = 8  # detections of them


def without_furniture(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    scan: pd.DataFrame,
    options: Furniture | None = None,
) -> list[NDArray[np.intp]]:
    """The chains, without the doubtful ones that stay in one place of the rink.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time, none empty.
        scan: SCAN, for the camera's motion.
        options: see :class:`Furniture`.
    """
    options = options or Furniture()
    if not chains:
        return []
    usual = float(boxes.score[np.concatenate(chains)].mean())
    return [
        chain
        for chain in chains
        if boxes.score[chain].mean() >= options.doubted * usual
        or not _rests(boxes, chain, scan, options)
    ]


def without_giants(
    boxes: Boxes, chains: list[NDArray[np.intp]], fps: float, options: Furniture | None = None
) -> list[NDArray[np.intp]]:
    """The chains, without the doubtful ones that are far taller than everybody around.

    Somebody near the camera is, too; but the detector is sure of him.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time, none empty.
        fps: frames a second.
        options: see :class:`Furniture`.
    """
    options = options or Furniture()
    if len(chains) < 2:
        return chains
    every = np.concatenate(chains)
    owner = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    order = np.argsort(boxes.frame[every], kind="stable")
    every, owner = every[order], owner[order]
    frames, tall = boxes.frame[every], boxes.box[every, 3]
    usual = float(np.median(boxes.score[every]))
    reach = options.around_s * fps
    kept = []
    for index, chain in enumerate(chains):
        if boxes.score[chain].mean() < options.unsure * usual:
            low = np.searchsorted(frames, boxes.frame[chain[0]] - reach)
            high = np.searchsorted(frames, boxes.frame[chain[-1]] + reach, side="right")
            others = tall[low:high][owner[low:high] != index]
            height = float(np.median(boxes.box[chain, 3]))
            if len(others) >= options.company and height > options.large * np.quantile(others, 0.9):
                continue
        kept.append(chain)
    return kept


def without_parts(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    fps: float,
    size: tuple[int, int],
    options: Furniture | None = None,
) -> list[NDArray[np.intp]]:
    """The chains, without those not half as long as who stands as far away is tall: skates, heads.

    Who lies is boxed in pieces now and then; he himself is about as long as he is tall. Further
    away everybody is small, so only others who stand no nearer count; those at the picture's edge
    are cut off, and do not. Of 358 tracks in NHL games none is that small beside the others.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time, none empty.
        fps: frames a second.
        size: width and height of the picture.
        options: see :class:`Furniture`.
    """
    options = options or Furniture()
    while True:
        left = _without_parts(boxes, chains, fps, size, options)
        if len(left) == len(chains):
            return left
        chains = left  # parts of one person are others to each other


def _without_parts(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    fps: float,
    size: tuple[int, int],
    options: Furniture,
) -> list[NDArray[np.intp]]:
    if len(chains) < 2:
        return chains
    every = np.concatenate(chains)
    owner = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    order = np.argsort(boxes.frame[every], kind="stable")
    every, owner = every[order], owner[order]
    usual = float(np.median(boxes.score[every]))
    frames, tall = boxes.frame[every], boxes.box[every, 3]
    feet = boxes.box[every, 1] + tall / 2
    whole = _is_whole(boxes.box, size)
    reach = options.around_s * fps
    kept = []
    for index, chain in enumerate(chains):
        if boxes.score[chain].mean() < options.part * usual and whole[chain].mean() > 0.5:
            low = np.searchsorted(frames, boxes.frame[chain[0]] - reach)
            high = np.searchsorted(frames, boxes.frame[chain[-1]] + reach, side="right")
            near = slice(int(low), int(high))
            mine = np.median(boxes.box[chain, 1] + boxes.box[chain, 3] / 2)
            others = whole[every[near]] & (owner[near] != index)
            others &= feet[near] - options.near * tall[near] < mine
            length = float(np.median(boxes.box[chain, 2:].max(axis=1)))
            if others.sum() >= options.few and length < options.small * float(
                np.median(tall[near][others])
            ):
                continue
        kept.append(chain)
    return kept


def _is_whole(box: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes (N, 4) the picture's edge does not cut."""
    half = box[:, 2:] / 2
    inside = (box[:, :2] - half > _EDGE_PX) & (box[:, :2] + half < np.array(size) - _EDGE_PX)
    return np.asarray(inside.all(axis=1))


def _rests(boxes: Boxes, chain: NDArray[np.intp], scan: pd.DataFrame, options: Furniture) -> bool:
    box = boxes.box[chain]
    if np.ptp(box[:, :2], axis=0).max() < options.carried * np.median(box[:, 3]):
        return False
    rest = resting_places(scan, boxes.frame[chain], box[:, :2])
    if rest is None:
        return False
    place, scale = rest
    away = np.hypot(*(place - np.median(place, axis=0)).T) / np.median(box[:, 3] / scale)
    return bool(np.median(away) <= options.still and np.quantile(away, 0.9) <= options.stray)
