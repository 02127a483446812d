"""Improving cameras until what they would see is what is seen.

Belongs here: robust nonlinear least squares over many cameras at once, and the uncertainty
that remains. Does not belong here: where the first guesses come from (``search``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.camera import POSE_SIZE
from jarvis_dagster.hockey.rink.residuals import (
    Seen,
    ice_outside_ft,
    inverse,
    on_the_ice,
    signed_misses,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["Prior", "error_ft_at", "refine", "uncertainty"]

_STEP = np.array([0.05, 0.05, 0.05, 1e-4, 1e-4, 1e-4, 1e-4])
_SIGMA_PX = 1.2  # of one point of a crest, in pixels of the network's input
_HONEST = 3.0
"""Errors are larger than the scatter of the points tells: neighbouring points err alike, and no
rink is painted to the inch. Measured on rendered and on real frames (benchmarks/calibration)."""
_ICE_SIGMA_FT = 6.0
_GAIN = 1e-3
"""Share of the cost: where a round gains less for every camera, there is no other one."""


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """What is known of a camera before looking: mean (7,) and standard deviation (7,)."""

    mean: Array
    sd: Array

    @classmethod
    def stands(cls, rink: Rink) -> Prior:
        """A camera somewhere in the stands, most likely at the red line."""
        mean = np.array([rink.length_ft / 2, -50.0, 36.0, 0.0, 0.3, 0.0, 0.5])
        return cls(mean, np.array([28.0, 32.0, 15.0, 3.0, 1.0, 0.02, 1.5]))

    @classmethod
    def same_place(cls, pose: Array, slack_ft: float = 1.5) -> Prior:
        """A camera that stands where ``pose`` (7,) stands, and looks anywhere."""
        sd = np.array([slack_ft, slack_ft, slack_ft, 3.0, 1.0, 0.012, 1.5])
        return cls(pose.copy(), sd)


def refine(
    poses: Array,
    rink: Rink,
    seen: Seen,
    size_px: tuple[int, int],
    unit_px: float,
    prior: Prior,
    *,
    widths: tuple[float, ...] = (14.0, 7.0, 3.5, 2.0),
    rounds: int = 4,
) -> Array:
    """Cameras (B, 7) made better, all at once.

    Levenberg and Marquardt with the weights of Geman and McClure (1987): points farther off
    than a ``width`` (in units of ``unit_px``) hardly count. The width shrinks step by step.
    """
    current = np.array(poses, np.float64)
    damping = np.full(len(current), 1e-2)
    for width in widths:
        cost = np.full(len(current), np.inf)
        for _ in range(rounds):
            residuals, slopes = _linearised(current, rink, seen, size_px, unit_px, prior)
            weights = _weights(residuals, seen, width)
            cost = _cost(residuals, seen, width)
            weighted = slopes * weights[..., None]
            normal = np.einsum("bni,bnj->bij", weighted, slopes)
            gradient = np.einsum("bni,bn->bi", weighted, residuals)
            extra = np.einsum("bi,ij->bij", np.einsum("bii->bi", normal), np.eye(POSE_SIZE))
            step = -np.linalg.solve(
                normal + extra * damping[:, None, None] + np.eye(POSE_SIZE) * 1e-9,
                gradient[..., None],
            )[..., 0]
            step = np.clip(step, -_limit(), _limit())
            trial = current + step
            after = _cost(_residuals(trial, rink, seen, size_px, unit_px, prior), seen, width)
            better = after < cost
            current = np.where(better[:, None], trial, current)
            damping = np.clip(np.where(better, damping * 0.3, damping * 6), 1e-5, 1e3)
            if (better & (cost - after < _GAIN * cost)).all():
                break  # a camera that was carried from the frame before is there at once
    return current


def uncertainty(
    pose: Array,
    rink: Rink,
    seen: Seen,
    size_px: tuple[int, int],
    unit_px: float,
    prior: Prior,
    width: float = 3.0,
) -> Array:
    """(7, 7) covariance of one camera that fits; wider where the fit is worse than usual."""
    residuals, slopes = _linearised(pose[None], rink, seen, size_px, unit_px, prior)
    weights = _weights(residuals, seen, width)[0]
    slopes = slopes[0]
    count = len(seen)
    off = residuals[0, :count]
    spread = float((weights[:count] * off**2).sum() / max(weights[:count].sum(), 1e-9))
    normal = (slopes * weights[:, None]).T @ slopes
    covariance = np.linalg.inv(normal + np.eye(POSE_SIZE) * 1e-9)
    result: Array = covariance * max(1.0, spread) * _HONEST**2
    return result


def error_ft_at(pose: Array, covariance: Array, xy_px: Array, size_px: tuple[int, int]) -> Array:
    """Standard deviation (N,) in feet of where pixels (N, 2) lie on the ice; NaN off the ice."""
    steps = np.diag(_STEP)
    moved = np.concatenate([np.zeros((1, POSE_SIZE)), steps, -steps]) + pose
    places, _, before = on_the_ice(inverse(moved, size_px), xy_px)
    base, good = places[0], before[0]
    change = places[1 : POSE_SIZE + 1] - places[POSE_SIZE + 1 :]
    slopes = np.moveaxis(change, 0, -1) / (2 * _STEP)
    spread = np.einsum("nij,jk,nik->n", slopes, covariance, slopes)
    return np.where(good & np.isfinite(base).all(axis=-1), np.sqrt(np.maximum(spread, 0)), np.nan)


def _limit() -> Array:
    return np.array([12.0, 12.0, 8.0, 0.12, 0.08, 0.03, 0.2])


def _residuals(
    poses: Array,
    rink: Rink,
    seen: Seen,
    size_px: tuple[int, int],
    unit_px: float,
    prior: Prior,
) -> Array:
    """(..., N + M + 7): points in standard deviations, ice outside the boards, prior."""
    back = inverse(poses, size_px)
    points = signed_misses(rink, seen, back) / (unit_px * _SIGMA_PX)
    outside = ice_outside_ft(rink, seen, back) / _ICE_SIGMA_FT
    known = (poses - prior.mean) / prior.sd
    return np.concatenate([points, np.minimum(outside, 4), known], axis=-1)


def _linearised(
    poses: Array,
    rink: Rink,
    seen: Seen,
    size_px: tuple[int, int],
    unit_px: float,
    prior: Prior,
) -> tuple[Array, Array]:
    """Residuals (B, R) and their slopes (B, R, 7), by forward differences."""
    moved = poses[:, None, :] + np.concatenate([np.zeros((1, POSE_SIZE)), np.diag(_STEP)])
    values = _residuals(moved, rink, seen, size_px, unit_px, prior)
    slopes = (values[:, 1:] - values[:, :1]) / _STEP[:, None]
    # A point that changes its nearest mark within the step has no slope to speak of.
    slopes = np.where(np.abs(slopes * _STEP[:, None]) > 20, 0, slopes)
    return values[:, 0], np.swapaxes(slopes, 1, 2)


def _weights(residuals: Array, seen: Seen, width: float) -> Array:
    count = len(seen)
    scale = width / _SIGMA_PX
    weights = np.ones_like(residuals)
    points = residuals[..., :count]
    weights[..., :count] = seen.importance / (1 + (points / scale) ** 2) ** 2
    weights[..., count : count + len(seen.ice_px)] = 0.2
    return weights


def _cost(residuals: Array, seen: Seen, width: float) -> Array:
    count = len(seen)
    scale = width / _SIGMA_PX
    squared = residuals**2
    points = squared[..., :count]
    robust = (seen.importance * points / (1 + points / scale**2)).sum(axis=-1)
    ice = 0.2 * squared[..., count : count + len(seen.ice_px)].sum(axis=-1)
    result: Array = robust + ice + squared[..., count + len(seen.ice_px) :].sum(axis=-1)
    return result
