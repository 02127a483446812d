"""Where the rink map goes, so that it hides nobody.

Belongs here: the quietest corner of a video, and how clearly the map is drawn while somebody
is under it. Does not belong here: the map itself (``minimap``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["MapPlace", "place_map"]

_PALE = 0.4
"""Opacity of the map while somebody is under it."""
_FADE_S = 0.25
"""It begins to fade that long before, and is back that long after."""
_WORTH_MOVING = 0.7
"""Share of who would be hidden in a corner that is tried before: less is worth another corner."""
_HEAD = 0.35
"""Own heights above a person that the label takes."""


@dataclasses.dataclass(frozen=True)
class MapPlace:
    """Where the map's corner is, and in which frames somebody is under it.

    Attributes:
        corner: x and y of the upper left corner, even.
        first: Frame of the first entry of ``opacity``.
        opacity: 0 to 1 from that frame on; 1 beyond.
    """

    corner: tuple[int, int]
    first: int
    opacity: NDArray[np.float32]

    def opacity_at(self, number: int) -> float:
        """How clearly the map is drawn in frame ``number``."""
        at = number - self.first
        return float(self.opacity[at]) if 0 <= at < len(self.opacity) else 1.0


def place_map(
    tracks: pd.DataFrame,
    size: tuple[int, int],
    canvas: tuple[int, int],
    *,
    scale: tuple[float, float],
    margin: int,
    fps: float,
    panels: int = 0,
    graphics: tuple[float, float, float, float] | None = None,
) -> MapPlace:
    """The corner in which the map hides the fewest people over the whole video.

    Args:
        tracks: TRACKS, in pixels of the footage.
        size: Width and height of the map.
        canvas: Those of the picture that is drawn on.
        scale: From pixels of the footage to those of the picture, across and down.
        margin: From the picture's edges.
        fps: Frames a second, above 0.
        panels: Height of what is drawn along the lower edge, on the left.
        graphics: Box of the broadcast's scoreboard in pixels of the footage, to be left free.
    """
    right, low = canvas[0] - margin - size[0], canvas[1] - margin - size[1]
    corners = [(right, low), (right, margin), (margin, margin), (margin, low - panels)]
    factors = np.array([*scale, *scale])
    boxes = tracks[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64) * factors
    boxes[:, 1] -= _HEAD * (boxes[:, 3] - boxes[:, 1])
    best, least = corners[0], np.inf
    for corner in corners:
        if graphics is not None and _meets(np.array([graphics]) * factors, corner, size).any():
            continue
        hidden = float(_meets(boxes, corner, size).sum())
        if hidden < _WORTH_MOVING * least:
            best, least = corner, hidden
    frames = tracks["frame"].to_numpy(np.int64)
    first, opacity = _opacity(frames[_meets(boxes, best, size)], fps)
    return MapPlace((best[0] & ~1, best[1] & ~1), first, opacity)


def _meets(
    boxes: NDArray[np.float64], corner: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which boxes (N, 4) the map in ``corner`` would touch."""
    (x, y), (width, height) = corner, size
    return np.asarray(
        (boxes[:, 0] < x + width)
        & (boxes[:, 2] > x)
        & (boxes[:, 1] < y + height)
        & (boxes[:, 3] > y)
    )


def _opacity(frames: NDArray[np.int64], fps: float) -> tuple[int, NDArray[np.float32]]:
    """First frame and opacities, pale in ``frames`` and fading towards them."""
    if not len(frames):
        return 0, np.zeros(0, np.float32)
    reach = max(1, round(_FADE_S * fps))
    first = int(frames.min()) - 2 * reach
    hit = np.zeros(int(frames.max()) - first + 2 * reach + 1)
    hit[frames - first] = 1
    # Wide, then smooth: pale for all of the time, with a slope on either side.
    total = np.concatenate([[0.0], np.cumsum(hit)])
    at = np.arange(len(hit))
    near = total[np.minimum(at + reach + 1, len(hit))] > total[np.maximum(at - reach, 0)]
    total = np.concatenate([[0.0], np.cumsum(near.astype(np.float64))])
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(hit))
    share = (total[high] - total[low]) / (2 * reach + 1)
    return first, (1 - (1 - _PALE) * share).astype(np.float32)
