"""What the network sees of a rink in one picture.

Belongs here: running the network, and thinning its answer to points of marks in pixels. Does
not belong here: what camera would see them so (``search``).
"""

from __future__ import annotations

import copy
import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.markings import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["DEFAULT_MODEL", "STRIDE", "Evidence", "MarkFinder", "input_size", "points_of"]

DEFAULT_MODEL = Path(__file__).with_name("weights") / "rink_marks.onnx"
STRIDE = 4
"""Pixels of the network's input in one cell of its answer."""
WIDTH_PX = 512
"""The network is run at this picture width; it was taught at it."""
_LEAST_HEAT = 0.35
_RIVAL = 0.75  # a crest of one kind where another is this much hotter is none
_MOST_POINTS = 60  # of a kind
_AROUND = 3  # cells
_COLD = 8  # of 255


@dataclasses.dataclass(frozen=True, eq=False)
class _Packed:
    """Probabilities in 256 steps, compressed: a long video has thousands of key frames."""

    content: bytes
    shape: tuple[int, ...]

    @classmethod
    def of(cls, heat: NDArray[np.float32]) -> _Packed:
        import zstandard

        steps = (heat.clip(0, 1) * 255).round().astype(np.uint8)
        steps[steps < _COLD] = 0  # noise, and half of what is kept
        packed = zstandard.ZstdCompressor(level=1).compress(steps.tobytes())
        # A copy: it was made where there is room for far more, and that room would stay taken.
        return cls(memoryview(packed).tobytes(), heat.shape)


@lru_cache(maxsize=64)
def _unpacked(packed: _Packed) -> NDArray[np.float32]:
    import zstandard

    steps = np.frombuffer(zstandard.ZstdDecompressor().decompress(packed.content), np.uint8)
    return (steps.reshape(packed.shape) / 255).astype(np.float32)


@lru_cache(maxsize=64)
def _near(packed: _Packed) -> NDArray[np.float32]:
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    near: NDArray[np.float32] = np.stack([cv2.dilate(x, kernel) for x in _unpacked(packed)])
    return near


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Marks seen in one picture.

    Args:
        packed: What :attr:`heat` is made of.
        size_px: (width, height) of the picture.
        points_px: (N, 2) places on marks, in pixels of the picture.
        kinds: (N,) index into ``KINDS``.
        weights: (N,) how surely, above 0 to 1.
    """

    packed: _Packed
    size_px: tuple[int, int]
    cell_px: float
    points_px: Array
    kinds: NDArray[np.integer[Any]]
    weights: Array

    @classmethod
    def of(cls, packed: bytes, shape: tuple[int, ...], **values: Any) -> Evidence:
        """Put together again from ``packed.content``, its shape and the other fields."""
        return cls(_Packed(packed, shape), **values)

    @property
    def heat(self) -> NDArray[np.float32]:
        """(kinds, h, w) probabilities, one cell a square of ``cell_px`` pixels."""
        return _unpacked(self.packed)

    @property
    def unit_px(self) -> float:
        """A pixel of the network's input, in pixels of the picture."""
        return self.cell_px / STRIDE

    @property
    def ice_share(self) -> float:
        """Share of the picture that shows ice."""
        return float((self.heat[-1] > 0.5).mean())

    @property
    def near(self) -> NDArray[np.float32]:
        """(kinds, h, w): the heat of the warmest neighbour, for forgiving look-ups."""
        return _near(self.packed)

    def cells(self, xy_px: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Rows, columns (clipped) and whether inside, of pixels (..., 2)."""
        height, width = self.packed.shape[1:]
        place = np.nan_to_num((xy_px + 0.5) / self.cell_px, nan=-1.0, posinf=-1.0, neginf=-1.0)
        place = np.floor(np.clip(place, -1, 1e6)).astype(np.int64)
        columns, rows = place[..., 0], place[..., 1]
        limit = self.size_px[1] / self.cell_px
        inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < min(height, limit))
        return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1), inside


class MarkFinder:
    """The packaged network, or another one of its kind.

    Raises:
        BadInputError: no such file, or not a network of this project.
    """

    def __init__(self, model: Path | None = None, threads: int | None = None) -> None:
        from jarvis_dagster.hockey.detection.runtime import Network

        self._network = Network(model or DEFAULT_MODEL, threads)
        self.version = f"rink-marks-{self._network.digest}"

    def beside_decoding(self) -> MarkFinder:
        """The same for where another thread decodes meanwhile."""
        other = copy.copy(self)
        other._network = self._network.beside_decoding()
        return other

    def __call__(
        self, image: NDArray[np.uint8], size_px: tuple[int, int] | None = None
    ) -> Evidence:
        """Marks in one picture (H, W, 3) BGR.

        ``size_px``: (width, height) of the picture that the evidence is for, where ``image``
        is a smaller copy of it (:func:`input_size`).
        """
        import cv2

        columns, rows = size_px or (image.shape[1], image.shape[0])
        factor = WIDTH_PX / columns
        size = input_size((columns, rows))
        small = image
        if small.shape[1::-1] != size:
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        padded = -size[1] % 32
        if padded:
            bordered = cv2.copyMakeBorder(small, 0, padded, 0, 0, cv2.BORDER_REPLICATE)
            small = np.asarray(bordered, np.uint8)
        answers = self._network(np.ascontiguousarray(small[None]))
        heat: Any = answers["heat"][0]
        return points_of(np.array(heat, np.float32), (columns, rows), STRIDE / factor)


def input_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """(width, height) at which the network looks at a picture of ``size_px``."""
    return WIDTH_PX, max(32, round(size_px[1] * WIDTH_PX / size_px[0]))


def points_of(heat: NDArray[np.float32], size_px: tuple[int, int], cell_px: float) -> Evidence:
    """Evidence from the network's answer (kinds, h, w)."""
    points, kinds, weights = [], [], []
    limit = size_px[1] / cell_px
    hottest = heat[:-1].max(axis=0)
    for index, kind in enumerate(KINDS[:-1]):
        layer = np.where(heat[index] < _RIVAL * hottest, 0, heat[index])
        layer = layer[: int(np.ceil(limit))]
        found, strength = _spots(layer) if kind == "dot" else _ridges(layer)
        if len(found) > _MOST_POINTS:
            # Evenly along the marks, not only the surest: ends count for more than middles.
            chosen = np.linspace(0, len(found) - 1, _MOST_POINTS).round().astype(int)
            found, strength = found[chosen], strength[chosen]
        points.append((found + 0.5) * cell_px - 0.5)
        kinds.append(np.full(len(found), index, np.int8))
        weights.append(strength)
    return Evidence(
        packed=_Packed.of(heat),
        size_px=size_px,
        cell_px=cell_px,
        points_px=np.concatenate(points),
        kinds=np.concatenate(kinds),
        weights=np.concatenate(weights),
    )


def _ridges(layer: NDArray[np.float32]) -> tuple[Array, Array]:
    """Cells (N, 2) x, y on the crest of lines, to a part of a cell, and their heat (N,)."""
    hot = layer > _LEAST_HEAT
    if not hot.any():
        return np.empty((0, 2)), np.empty(0)
    # Most of a picture shows no mark of a kind: only what is around its marks is looked at.
    top, bottom = np.flatnonzero(hot.any(axis=1))[[0, -1]] + (-_AROUND, _AROUND + 1)
    left, right = np.flatnonzero(hot.any(axis=0))[[0, -1]] + (-_AROUND, _AROUND + 1)
    top, left = max(top, 0), max(left, 0)
    height, width = layer.shape
    padded = np.pad(layer[top:bottom, left:right].astype(np.float64), 2, mode="edge")
    middle = padded[2:-2, 2:-2]
    best_curve = np.zeros_like(middle)
    shift = np.zeros((*middle.shape, 2))
    for axis in (0, 1):
        far_before, before, after, far_after = (
            np.roll(padded, step, axis)[2:-2, 2:-2] for step in (2, 1, -1, -2)
        )
        crest = (middle >= before) & (middle > after)
        crest &= middle - (far_before + far_after) / 2 > 0.15 * middle
        curve = np.where(crest, 4 * middle - before - after - far_before - far_after, 0)
        better = crest & (curve > best_curve)
        best_curve = np.where(better, curve, best_curve)
        # The answer is flat on top of a line: its centre of gravity is truer than its peak.
        base = np.minimum(far_before, far_after)
        total = far_before + before + middle + after + far_after - 5 * base
        lean = 2 * (far_after - far_before) + after - before
        part = np.where(better, lean / np.maximum(total, 1e-6), 0)
        shift[better] = 0
        shift[..., 1 - axis] = np.where(better, np.clip(part, -1, 1), shift[..., 1 - axis])
    rows, columns = np.nonzero((best_curve > 0) & (middle > _LEAST_HEAT))
    # A crest at the picture's edge is where the answer was cut off.
    free = (rows + top > 0) & (columns + left > 0)
    free &= (rows + top < height - 1) & (columns + left < width - 1)
    rows, columns = rows[free], columns[free]
    cells = np.stack([columns + left, rows + top], axis=1) + shift[rows, columns]
    return cells, middle[rows, columns]


def _spots(layer: NDArray[np.float32]) -> tuple[Array, Array]:
    """Cells (N, 2) of local maxima, as the centre of gravity around them, and their heat."""
    import cv2

    warm = np.ascontiguousarray(layer)
    crest = (cv2.dilate(warm, np.ones((5, 5), np.uint8)) == warm) & (warm > _LEAST_HEAT)
    cells, heat = [], []
    for row, column in zip(*np.nonzero(crest), strict=True):
        top, left = max(row - 1, 0), max(column - 1, 0)
        patch = warm[top : row + 2, left : column + 2].astype(np.float64)
        ys, xs = np.mgrid[top : top + patch.shape[0], left : left + patch.shape[1]]
        cells.append(((xs * patch).sum() / patch.sum(), (ys * patch).sum() / patch.sum()))
        heat.append(float(warm[row, column]))
    return np.array(cells, np.float64).reshape(-1, 2), np.array(heat, np.float64)
