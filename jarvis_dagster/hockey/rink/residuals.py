"""How far marks that were seen are from marks that a camera would see.

Belongs here: distances in pixels of evidence from a rink under many cameras at once, and the
share of the rink's marks that the evidence supports. Does not belong here: trying cameras
(``search``) or improving one (``refine``).

The distance of a seen point from the nearest mark of its kind is measured on the ice and
divided by how fast it grows per pixel (Sampson, 1982): exact for lines, and good near curves.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.camera import ice_to_image
from jarvis_dagster.hockey.rink.markings import KINDS, mark_points_ft, misses_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]
    Matrices = NDArray[np.floating[Any]]

__all__ = [
    "FAR_PX",
    "Seen",
    "ice_outside_ft",
    "inverse",
    "on_the_ice",
    "signed_misses",
    "support",
]

_INDEPENDENT = 0.25  # share of the points that tell something new
FAR_PX = 1e3
"""Given for a point that a camera does not see on the ice at all."""


class Seen:
    """Evidence points grouped by kind, in the order of ``KINDS``, with their weights.

    Args:
        most: Keep at most this many of a kind.
        ice: Keep so many places on the ice.

    Attributes:
        weights: (N,): each kind counts by how many of its points there are, but no kind for
            more than a dozen times a single one; sums to 1.
    """

    def __init__(self, evidence: Evidence, most: int = 60, ice: int = 48) -> None:
        order = []
        for index in range(len(KINDS) - 1):
            rows = np.flatnonzero(evidence.kinds == index)
            if len(rows) > most:
                rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
            order.append(rows)
        self.groups: list[tuple[str, slice]] = []
        start = 0
        weights = []
        for kind, rows in zip(KINDS, order, strict=False):
            if len(rows):
                self.groups.append((kind, slice(start, start + len(rows))))
                value = evidence.weights[rows]
                # Dots are few and precise; a boards' edge is long and rough.
                share = 2.0 if kind == "dot" else min(1.0, 14 / len(rows))
                weights.append(value * share * (0.6 if kind == "boards" else 1.0))
                start += len(rows)
        rows = np.concatenate(order) if order else np.empty(0, np.int64)
        self.points_px = evidence.points_px[rows]
        every = np.concatenate(weights) if weights else np.empty(0)
        self.mass = float(every.sum())
        self.weights = every / max(self.mass, 1e-9)
        self._evidence, self._ice = evidence, ice

    @staticmethod
    @lru_cache(maxsize=64)
    def of(evidence: Evidence) -> Seen:
        """All of it, put in order once for those who look at a picture again soon."""
        return Seen(evidence)

    @cached_property
    def ice_px(self) -> Array:
        """(M, 2) pixels that show ice, spread over it."""
        cold = np.argwhere(self._evidence.heat[-1] > 0.7)
        steps = np.linspace(0, len(cold) - 1, self._ice).round().astype(int)
        picks = cold[steps] if len(cold) else cold
        place: Array = (picks[:, ::-1].astype(np.float64) + 0.5) * self._evidence.cell_px - 0.5
        return place

    @cached_property
    def importance(self) -> Array:
        """(N,) how much each point counts in sums of squares."""
        return self.weights * len(self) * _INDEPENDENT

    def __len__(self) -> int:
        return len(self.points_px)


def on_the_ice(image_to_ice: Array, xy_px: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Places (..., N, 2) in feet, their change per pixel (..., N, 2, 2), and whether before
    the camera, of pixels (N, 2) under homographies (..., 3, 3)."""
    mapped = xy_px @ np.swapaxes(image_to_ice[..., :2], -1, -2) + image_to_ice[..., None, :, 2]
    depth = mapped[..., 2]
    good = depth > 1e-9
    safe = np.where(good, depth, 1.0)
    places = mapped[..., :2] / safe[..., None]
    change = (
        image_to_ice[..., None, :2, :2] - places[..., :, None] * image_to_ice[..., None, 2:, :2]
    ) / safe[..., None, None]
    return places, change, good


def inverse(pose: Array, size_px: tuple[int, int]) -> Array:
    """(..., 3, 3) pixels to feet, positive third coordinate before the camera."""
    # The depth of a place on the ice is positive before the camera, and so its inverse.
    result: Array = np.linalg.inv(ice_to_image(pose, size_px)).astype(np.float64)
    return result


def _placed(image_to_ice: Matrices, xy_px: Array) -> tuple[Any, Any, Any, NDArray[np.bool_]]:
    """x, y, depth (..., N) of pixels (N, 2) on the ice, and whether before the camera.

    Coordinate by coordinate, in the precision of ``image_to_ice``: thousands of cameras are
    tried, and long rows of numbers are what a processor is good at.
    """
    matrix = image_to_ice[..., None]
    across, down = xy_px.astype(image_to_ice.dtype).T
    depth = matrix[..., 2, 0, :] * across + matrix[..., 2, 1, :] * down + matrix[..., 2, 2, :]
    good = depth > 1e-9
    depth = np.where(good, depth, depth.dtype.type(1))
    x = (matrix[..., 0, 0, :] * across + matrix[..., 0, 1, :] * down + matrix[..., 0, 2, :]) / depth
    y = (matrix[..., 1, 0, :] * across + matrix[..., 1, 1, :] * down + matrix[..., 1, 2, :]) / depth
    return x, y, depth, good


def signed_misses(rink: Rink, seen: Seen, image_to_ice: Matrices) -> Array:
    """(..., N) signed distances in pixels of the seen points from their marks."""
    x, y, depth, good = _placed(image_to_ice, seen.points_px)
    matrix = image_to_ice[..., None]
    misses, along_x, along_y = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for kind, rows in seen.groups:
        away = misses_of(rink, kind, x[..., rows], y[..., rows])
        misses[..., rows], along_x[..., rows], along_y[..., rows] = away
    # How fast the distance grows to the right and down: the places' change per pixel.
    right, down = (
        along_x * (matrix[..., 0, i, :] - x * matrix[..., 2, i, :])
        + along_y * (matrix[..., 1, i, :] - y * matrix[..., 2, i, :])
        for i in (0, 1)
    )
    misses /= np.maximum(np.hypot(right, down) / depth, 1e-9)
    return np.where(good, np.clip(misses, -FAR_PX, FAR_PX), misses.dtype.type(FAR_PX))


def ice_outside_ft(rink: Rink, seen: Seen, image_to_ice: Matrices) -> Array:
    """(..., M): by how many feet pixels that show ice are outside the boards."""
    x, y, _, good = _placed(image_to_ice, seen.ice_px)
    return np.where(good, np.maximum(rink.outside_ft(x, y), 0), x.dtype.type(60))


def support(rink: Rink, evidence: Evidence, matrices: Array) -> tuple[Array, Array]:
    """Share (...) of the rink's marks in view that are seen, and how many points are in view,
    under homographies (..., 3, 3) from feet to pixels.

    Boards count where they are in view; other marks where the picture shows ice.
    """
    points, kinds = mark_points_ft(rink, 3.0)
    mapped = points @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., None, :, 2]
    depth = mapped[..., 2]
    pixels = mapped[..., :2] / np.where(depth > 1, depth, np.nan)[..., None]
    rows, columns, inside = evidence.cells(pixels)
    heat = evidence.near[kinds, rows, columns]
    ice = evidence.near[len(KINDS) - 1, rows, columns] > 0.5
    boards = kinds == KINDS.index("boards")
    # The near boards are often hidden: only those at the far side are asked for.
    far = boards & (points[:, 1] > rink.width_ft * 0.6)
    asked = inside & ((ice & ~boards) | far)
    score = np.minimum(heat / 0.4, 1.0)
    count = asked.sum(axis=-1)
    share = np.where(asked, score, 0).sum(axis=-1) / np.maximum(count, 1)
    return share, count
