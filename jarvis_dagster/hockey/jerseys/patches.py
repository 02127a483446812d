"""Where on an upper body the number is.

Belongs here: pixels of one picture to small pictures with nothing but digits on them. Does not
belong here: reading them (``reading``), which pictures are looked at (``crops``).

A number is what differs from the cloth, is enclosed by it, and has the size of digits. Letters of a
name are smaller, arms and ice reach the edge of the picture.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Patch", "find_patches"]

_SIDE_PX = 96
_LEAST_CONTRAST = 16.0
_LEAST_TALL = 0.14
"""Of the upper body; letters of a name are a tenth of it."""
_MOST = 2
"""Patches of one picture: the digits together, and the best one alone."""


@dataclasses.dataclass(frozen=True)
class Patch:
    """Digits cut out level.

    Args:
        image: BGR.
        box: x1, y1, x2, y2 as shares of the upper body.
    """

    image: NDArray[np.uint8]
    box: tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class _Blob:
    x: float
    y: float
    w: float
    h: float
    area: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2


def find_patches(body: NDArray[np.uint8]) -> list[Patch]:
    """Where digits may be on an upper body (H, W, 3) BGR; the likeliest first, often none."""
    import cv2

    height, width = body.shape[:2]
    scale = _SIDE_PX / height
    size = max(24, min(2 * _SIDE_PX, round(width * scale))), _SIDE_PX
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(body, size, interpolation=way), np.uint8)
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    found: list[tuple[float, list[_Blob]]] = []
    for cloth in _cloths(lab):
        differs = np.linalg.norm((lab - cloth) * (0.7, 1.0, 1.0), axis=2)
        found += [(_worth(blobs, size), blobs) for blobs in _digits(differs)]
    found.sort(key=lambda pair: -pair[0])
    patches: list[Patch] = []
    for _, blobs in found:
        patch = _cut(image, blobs)
        if not any(_shared(patch.box, other.box) > 0.6 for other in patches):
            patches.append(patch)
        if len(patches) == _MOST:
            break
    return patches


def _cloths(lab: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Colours that the cloth around a number may have: the one of most of the back, another."""
    height, width = lab.shape[:2]
    back = lab[height // 4 : 4 * height // 5, width // 4 : 3 * width // 4]
    middle = np.median(back.reshape(-1, 3), axis=0)
    distance = np.linalg.norm(back - middle, axis=2)
    other = back[distance > max(25.0, float(np.quantile(distance, 0.7)))]
    cloths = [middle]
    if len(other) > 0.15 * distance.size:
        cloths.append(np.median(other, axis=0))
    return cloths


def _digits(differs: NDArray[np.float32]) -> list[list[_Blob]]:
    """Groups of one or two blobs that may be digits."""
    import cv2

    height, width = differs.shape
    bytes_ = np.clip(differs * 2, 0, 255).astype(np.uint8)
    inner = bytes_[height // 5 : 9 * height // 10, width // 6 : 5 * width // 6]
    level, _ = cv2.threshold(np.ascontiguousarray(inner), 0, 255, cv2.THRESH_OTSU)
    mask = (bytes_ > max(level, 2 * _LEAST_CONTRAST)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    blobs = []
    for x, y, w, h, area in stats[1:count].tolist():
        edge = x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1
        if edge or not _LEAST_TALL * height < h < 0.62 * height or w > 0.75 * width or w < 3:
            continue
        if area > 0.16 * w * h and w < 2.4 * h:
            blobs.append(_Blob(x, y, w, h, area))
    groups = [[blob] for blob in blobs]
    for i, one in enumerate(blobs):
        for other in blobs[i + 1 :]:
            left, right = sorted((one, other), key=lambda blob: blob.x)
            tall = max(left.h, right.h)
            gap = right.x - left.x - left.w
            level_ = abs(left.middle[1] - right.middle[1]) < 0.4 * tall
            alike = min(left.h, right.h) > 0.65 * tall
            if level_ and alike and -0.3 * tall < gap < 0.5 * tall:
                groups.append([left, right])
    return groups


def _worth(blobs: list[_Blob], size: tuple[int, int]) -> float:
    """How much blobs look like the number of a back."""
    x1, x2 = min(b.x for b in blobs), max(b.x + b.w for b in blobs)
    y1, y2 = min(b.y for b in blobs), max(b.y + b.h for b in blobs)
    across = abs((x1 + x2) / 2 / size[0] - 0.5)
    down = abs((y1 + y2) / 2 / size[1] - 0.5)
    tall = (y2 - y1) / size[1]
    return min(tall, 0.4) * 2 + 0.35 * (len(blobs) == 2) - across - 0.5 * down


def _cut(image: NDArray[np.uint8], blobs: list[_Blob]) -> Patch:
    """The blobs with a margin, turned level."""
    import cv2

    x1, x2 = min(b.x for b in blobs), max(b.x + b.w for b in blobs)
    y1, y2 = min(b.y for b in blobs), max(b.y + b.h for b in blobs)
    tall = float(np.mean([blob.h for blob in blobs]))
    angle = 0.0
    if len(blobs) == 2:
        (ax, ay), (bx, by) = blobs[0].middle, blobs[1].middle
        angle = float(np.degrees(np.arctan2(by - ay, max(bx - ax, 1e-3))))
        angle = float(np.clip(angle, -30, 30))
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    margin = 0.18 * tall
    wide = x2 - x1 + 2 * margin
    high = (tall if abs(angle) > 4 else y2 - y1) + 2 * margin
    turn = cv2.getRotationMatrix2D(middle, angle, 1.0)
    turn[:, 2] += wide / 2 - middle[0], high / 2 - middle[1]
    size = max(4, round(wide)), max(4, round(high))
    level = cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    box = (x1 / width, y1 / height, x2 / width, y2 / height)
    return Patch(np.asarray(level, np.uint8), box)


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union."""
    inner = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(
        0.0, min(a[3], b[3]) - max(a[1], b[1])
    )
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return inner / max(areas - inner, 1e-9)
