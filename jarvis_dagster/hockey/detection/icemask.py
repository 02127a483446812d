"""Where the ice is: what keeps the crowd and the benches from becoming players.

Belongs here: a mask of the ice from colour and texture, and who stands on it.
Does not belong here: rink geometry or calibration.

Ice is the large, light, colourless, smooth region of the picture. That holds for a lit arena
on television and for a grey community rink behind glass, as long as "light" is judged
against the rest of the same picture.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IceMask", "find_ice", "ice_share", "ice_trust"]

_WIDTH_PX = 192
_MIN_AREA = 0.10
"""Share of the picture below which a light region is not taken for the rink."""
_MIN_PART = 0.006
"""Posts and railings cut the ice into parts; smaller ones are shirts and advertisements."""
_MARGIN_PX = 7
"""At mask resolution: shadows along the boards are ice too."""
_MAX_CHROMA = 46
_OFF_ICE_WORTH = np.float32(0.4)
_ENOUGH_ICE = np.float32(0.8)


@dataclasses.dataclass(frozen=True)
class IceMask:
    """Ice of one picture, at low resolution."""

    mask: NDArray[np.float32]
    """(h, w), 0 to 1: the region that the boards enclose, people and lines filled in."""
    area: float
    """Share of the picture."""

    @property
    def found(self) -> bool:
        """False on close-ups, crowd shots and graphics: nothing can be said about boxes."""
        return self.area >= _MIN_AREA


def find_ice(image: NDArray[np.uint8]) -> IceMask:
    """The ice in a BGR picture (H, W, 3). About half a millisecond at any size."""
    import cv2

    height, width = image.shape[:2]
    shape = (_WIDTH_PX, max(8, round(_WIDTH_PX * height / width)))
    # Nearest pixels first: an area average of a 1080p picture costs more than all the rest.
    step = max(1, width // (2 * _WIDTH_PX))
    fewer = (width // step, height // step)
    small = cv2.resize(
        cv2.resize(image, fewer, interpolation=cv2.INTER_NEAREST) if step > 1 else image,
        shape,
        interpolation=cv2.INTER_AREA,
    )
    blue, green, red = cv2.split(small)
    light = cv2.max(cv2.max(blue, green), red)
    chroma = cv2.subtract(light, cv2.min(cv2.min(blue, green), red))
    level, _ = cv2.threshold(light, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    limit = max(60.0, min(0.9 * level, 190.0))
    rough = cv2.blur(cv2.absdiff(light, cv2.blur(light, (5, 5))), (5, 5))
    colourless = cv2.compare(chroma, cv2.max(light >> 2, _MAX_CHROMA), cv2.CMP_LE)
    seed = ((light >= limit) & (rough < 14)).astype(np.uint8) & colourless
    kernel = np.ones((3, 3), np.uint8)
    seed = cv2.morphologyEx(seed, cv2.MORPH_OPEN, kernel)
    seed = cv2.morphologyEx(seed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seed, connectivity=4)
    mask = np.zeros(seed.shape, np.uint8)
    if count > 1:
        areas = stats[1:, cv2.CC_STAT_AREA]
        large = 1 + np.flatnonzero(areas >= max(0.02 * areas.max(), _MIN_PART * seed.size))
        chosen = np.zeros(count, np.uint8)
        chosen[large] = 1
        region = chosen[labels]
        mask = cv2.dilate(_fill(region), np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8))
    return IceMask(mask.astype(np.float32), float(mask.mean()))


def _fill(region: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hull of each part: boards enclose a convex sheet, people and lines are holes in it."""
    import cv2

    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(region)
    for contour in contours:
        cv2.fillConvexPoly(filled, cv2.convexHull(contour), 1)
    return filled


def ice_share(
    mask: IceMask, xyxy: NDArray[np.float32], width_px: int, height_px: int
) -> NDArray[np.float32]:
    """(N,): how much of what is at the foot of each box (N, 4) is ice, 0 to 1.

    The window reaches three tenths of the box's height above and below its lower edge, and a
    fifth of its width to each side: less far than the far boards are high. Below the picture
    there is no ice: who is cut off there mostly stands on the near bench or in the stands.
    """
    import cv2

    rows, columns = mask.mask.shape
    total = cv2.integral(mask.mask)
    scale = np.array([columns / width_px, rows / height_px], np.float32)
    w, h = xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1]
    low_x = ((xyxy[:, 0] - 0.2 * w) * scale[0]).round().astype(int).clip(0, columns - 1)
    high_x = ((xyxy[:, 2] + 0.2 * w) * scale[0]).round().astype(int).clip(1, columns)
    low_y = ((xyxy[:, 3] - 0.3 * h) * scale[1]).round().astype(int).clip(0, rows - 1)
    high_y = ((xyxy[:, 3] + 0.3 * h) * scale[1]).round().astype(int)
    high_x, high_y = np.maximum(high_x, low_x + 1), np.maximum(high_y, low_y + 1)
    end = np.minimum(high_y, rows)
    inside = total[end, high_x] - total[low_y, high_x] - total[end, low_x] + total[low_y, low_x]
    share: NDArray[np.float32] = (inside / ((high_x - low_x) * (high_y - low_y))).astype(np.float32)
    return share


def ice_trust(
    mask: IceMask, xyxy: NDArray[np.float32], width_px: int, height_px: int
) -> NDArray[np.float32]:
    """(N,): what a detection's score is worth for where it stands, 0.4 to 1.

    Ice at the feet is full worth. Off the ice, behind a railing or on the near bench, the
    detector has to be very sure. Where no ice is found everybody is believed.
    """
    if not mask.found:
        return np.ones(len(xyxy), np.float32)
    share = ice_share(mask, xyxy, width_px, height_px)
    return _OFF_ICE_WORTH + (1 - _OFF_ICE_WORTH) * np.minimum(1, share / _ENOUGH_ICE)
