"""What the pictures of a video look like: light, contrast, sharpness, colour.

Belongs here: measuring pictures, and making one look as another camera or light would show it.
Does not belong here: what a change means (``performance``).

Each measure is a logarithm, so that a change is the same wherever it starts: one more or less is
half or double the light, the spread, the sharpness; a tenth in a colour is 7 %.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["MEASURES", "Look", "look_of", "relight"]

MEASURES = {
    "brightness": "mean luma",
    "contrast": "spread of the luma, 5th to 95th percentile",
    "sharpness": "edges for the contrast there is",
    "blue": "blue beside green where it is bright",
    "red": "red beside green where it is bright",
}
_WIDTH_PX = 320
_QUANTILES = np.concatenate([[0.001], np.linspace(0.02, 0.98, 25), [0.999]])


@dataclasses.dataclass(frozen=True)
class Look:
    """The pictures of one video.

    Attributes:
        measures: By the names of :data:`MEASURES`, medians over the pictures.
        levels: (3, Q) blue, green, red: quantiles of all pictures together, 0 to 255.
    """

    pictures: int
    measures: dict[str, float]
    levels: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Look:
        """From a document."""
        levels = tuple(tuple(float(v) for v in channel) for channel in content["levels"])
        return cls(int(content["pictures"]), dict(content["measures"]), levels)


def look_of(images: Sequence[NDArray[np.uint8]]) -> Look:
    """Measure BGR pictures (H, W, 3) of one video; at least one."""
    import cv2

    rows, smalls = [], []
    for image in images:
        height = max(2, round(image.shape[0] * _WIDTH_PX / image.shape[1]))
        small = cv2.resize(image, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        rows.append(_measured(np.asarray(small, np.uint8)))
        smalls.append(small.reshape(-1, 3))
    table = np.median(np.array(rows), axis=0)
    levels = np.quantile(np.concatenate(smalls), _QUANTILES, axis=0).T
    return Look(
        len(rows),
        {name: round(float(value), 4) for name, value in zip(MEASURES, table, strict=True)},
        tuple(tuple(round(float(v), 2) for v in channel) for channel in levels),
    )


def _measured(small: NDArray[np.uint8]) -> list[float]:
    import cv2

    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    low, high = np.percentile(luma, [5, 95])
    edges = float(cv2.Laplacian(luma, cv2.CV_64F).std())
    bright = small[luma >= np.percentile(luma, 60)].astype(np.float64)
    blue, green, red = np.maximum(bright.mean(axis=0), 1.0)
    return [
        float(np.log2(max(float(luma.mean()), 1.0))),
        float(np.log2(max(high - low, 1.0))),
        float(np.log2(max(edges, 0.1) / max(float(luma.std()), 1.0))),
        float(np.log2(blue / green)),
        float(np.log2(red / green)),
    ]


def relight(before: Look, after: Look) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """What makes a picture look as the light changed between two looks of one camera.

    Each channel's levels are moved as its quantiles moved, and the picture is compressed as a
    camera would. Blur and grain are not made: what the pictures lost to those is not seen.
    """
    import cv2

    table = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        old, new = np.array(before.levels[channel]), np.array(after.levels[channel])
        # Levels that hold many pixels repeat; the line needs them to rise.
        old = np.maximum.accumulate(old + 1e-3 * np.arange(len(old)))
        old, new = np.r_[-1e-3, old, 255.1], np.r_[min(new[0], 0.0), new, max(new[-1], _end(new))]
        table[0, :, channel] = np.clip(np.interp(np.arange(256), old, new), 0, 255).round()

    def changed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        good, data = cv2.imencode(".jpg", cv2.LUT(image, table), [cv2.IMWRITE_JPEG_QUALITY, 85])
        if not good:
            raise ValueError("The picture cannot be compressed.")
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return changed


def _end(levels: NDArray[np.float64]) -> float:
    """Where the lightest pixel may end: a little above the last level that was seen."""
    return float(min(255.0, 1.02 * levels[-1] + 1))
