"""Finding the camera of one picture from the marks seen in it.

Belongs here: trying many cameras, keeping the best, and judging whether the best is right.
Does not belong here: the network, or more than one picture (``following``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.camera import ice_to_image, pose_looking_at
from jarvis_dagster.hockey.rink.refine import Prior, error_ft_at, refine, uncertainty
from jarvis_dagster.hockey.rink.residuals import (
    Seen,
    ice_outside_ft,
    inverse,
    signed_misses,
    support,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["Fit", "enough", "find_camera", "find_on_each", "judge"]

_TRIED = 24_000
_TRIED_NEAR = 4_000
_LIKELY = 1_000
_KEPT = 32
_PARTS = 24  # what is computed at a time stays within the processor's cache
_TRUNCATED = 14.0  # network pixels beyond which a point is simply missed
_LEAST_POINTS = 25
_LEAST_ICE = 0.12
LEAST_EXPLAINED = 0.6
_MOST_FT = 6.0
_END_VIEW = np.radians(70)


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """One picture's camera.

    Args:
        pose: (7,), see ``camera``.
        covariance: (7, 7).
        explained: Share of the seen marks that lie where the camera says.
        supported: Share of the marks in view that are seen.
        rival: Cost of the best other camera, over that of this one; large is good.
        error_ft: Median standard deviation on the ice in view.
        reason: Why it is not valid; empty if it is.
    """

    pose: Array
    covariance: Array
    explained: float
    supported: float
    rival: float
    error_ft: float
    reason: str = ""

    @property
    def valid(self) -> bool:
        return not self.reason


def find_camera(
    evidence: Evidence,
    rink: Rink,
    *,
    known: Array | None = None,
    near: Array | None = None,
    seed: int = 0,
) -> Fit | None:
    """The camera that explains ``evidence`` best; None where there is too little to explain.

    Args:
        known: (7,) a camera that stood in the same place.
        near: (K, 7) cameras to try first, such as that of a moment ago.
    """
    if not enough(evidence):
        return None
    prior = Prior.stands(rink) if known is None else Prior.same_place(known)
    starts = _starts(evidence, rink, known, seed)
    if near is not None:
        starts = np.concatenate([near, starts])
    return _best(starts, evidence, rink, prior)


def find_on_each(evidence: Evidence, rinks: Sequence[Rink], seed: int = 0) -> list[Fit | None]:
    """:func:`find_camera` for several rinks.

    Rinks differ by a few feet: where to start is looked for on the first one only.
    """
    if not enough(evidence):
        return [None] * len(rinks)
    starts = _starts(evidence, rinks[0], None, seed)
    return [_best(starts, evidence, rink, Prior.stands(rink)) for rink in rinks]


def enough(evidence: Evidence) -> bool:
    """Whether a camera can be found at all."""
    return len(Seen.of(evidence)) >= _LEAST_POINTS and evidence.ice_share >= _LEAST_ICE


def _starts(evidence: Evidence, rink: Rink, known: Array | None, seed: int) -> Array:
    """Cameras (K, 7) that are worth improving."""
    poses = _guesses(np.random.default_rng(seed), rink, known)
    few = Seen(evidence, most=6, ice=24)
    cost = np.concatenate(
        [_quick_cost(part, rink, few, evidence) for part in np.array_split(poses, _PARTS)]
    )
    likely = np.argpartition(cost, _LIKELY)[:_LIKELY]
    cost = cost[likely] + _unsupported(poses[likely], rink, evidence)
    best = likely[np.argsort(cost)[: 6 * _KEPT]]
    return poses[_spread(poses[best], best, evidence)]


def _best(starts: Array, evidence: Evidence, rink: Rink, prior: Prior) -> Fit:
    """The best camera that is reached from ``starts``."""
    seen, cheap = Seen.of(evidence), Seen(evidence, most=14)
    size, unit = evidence.size_px, evidence.unit_px
    coarse = refine(starts, rink, cheap, size, unit, prior, widths=(16.0, 8.0), rounds=4)
    cost = _full_cost(coarse, rink, seen, evidence)
    fine = coarse[np.argsort(cost)[:8]]
    fine = refine(fine, rink, seen, size, unit, prior, widths=(8.0, 4.0, 2.0), rounds=4)
    cost = _full_cost(fine, rink, seen, evidence)
    order = np.argsort(cost)
    fine, cost = fine[order], cost[order]
    return judge(fine[0], evidence, rink, prior, rival=_rival(fine, cost, evidence))


def judge(
    pose: Array,
    evidence: Evidence,
    rink: Rink,
    prior: Prior,
    *,
    rival: float = np.inf,
    least: float = LEAST_EXPLAINED,
) -> Fit:
    """How well ``pose`` (7,) fits, with its uncertainty and whether it can be relied on.

    ``least`` is the share of the seen marks that must lie where the camera says.
    """
    seen = Seen.of(evidence)
    size, unit = evidence.size_px, evidence.unit_px
    covariance = uncertainty(pose, rink, seen, size, unit, prior)
    off = np.abs(signed_misses(rink, seen, inverse(pose, size))) / unit
    explained = float((seen.weights * (off < 3.0)).sum())
    supported, count = support(rink, evidence, ice_to_image(pose, size)[None])
    xy = ice_in_view(pose, evidence, rink)
    error = error_ft_at(pose, covariance, xy, size)
    typical = float(np.nanmedian(error)) if len(xy) else np.inf
    reason = ""
    if explained < least:
        reason = "many of the lines seen are not where a rink's lines would be"
    elif supported[0] < 0.45 or count[0] < 12:
        reason = "many of the rink's lines are not seen where they should be"
    elif abs(pose[3]) > _END_VIEW or pose[1] > 0:
        reason = "seen from behind a goal: which end it is cannot be told"
    elif not typical < _MOST_FT:
        reason = "too few lines in view to tell where the camera looks"
    elif rival < 1.12:
        reason = "the lines seen fit more than one place of the rink"
    return Fit(pose, covariance, explained, float(supported[0]), rival, typical, reason)


def ice_in_view(pose: Array, evidence: Evidence, rink: Rink, columns: int = 8) -> Array:
    """Pixels (N, 2) of a grid over the picture that show ice, on the rink as ``pose`` has it."""
    width, height = evidence.size_px
    rows = max(3, round(columns * height / width))
    xs, ys = (np.arange(n) + 0.5 for n in (columns, rows))
    grid = np.stack(np.meshgrid(xs * width / columns, ys * height / rows), -1).reshape(-1, 2)
    at_rows, at_columns, _ = evidence.cells(grid)
    seen = evidence.heat[-1][at_rows, at_columns] > 0.5
    back = inverse(pose, evidence.size_px)
    mapped = grid @ back[:, :2].T + back[:, 2]
    ahead = mapped[:, 2] > 1e-9
    places = mapped[:, :2] / np.where(ahead, mapped[:, 2], 1)[:, None]
    chosen: Array = grid[seen & ahead & (rink.signed_distance_ft(places) < 0)]
    return chosen


def _guesses(rng: np.random.Generator, rink: Rink, known: Array | None) -> Array:
    """Cameras (N, 7) that look at some place of the ice."""
    count = _TRIED if known is None else _TRIED_NEAR
    length, width = rink.length_ft, rink.width_ft
    if known is None:
        back = rng.uniform(12, 110, count)
        x = np.where(
            rng.random(count) < 0.75,
            rng.normal(length / 2, 10, count),
            rng.uniform(0, length, count),
        )
        z = 8 + 0.3 * back + rng.uniform(0, 20, count)
        place = np.stack([x, -back, z], axis=1)
    else:
        place = np.tile(known[:3], (count, 1)) + rng.normal(0, 0.7, (count, 3))
    aim = rng.uniform((5, 0.05 * width), (length - 5, 0.9 * width), (count, 2))
    field = np.exp(rng.uniform(np.log(26), np.log(190), count))
    return pose_looking_at(place, aim, field, rng.normal(0, 0.012, count))


def _quick_cost(poses: Array, rink: Rink, seen: Seen, evidence: Evidence) -> Array:
    """(N,) what is left unexplained, and ice outside the boards, each from 0 to 1."""
    back = inverse(poses, evidence.size_px).astype(np.float32)
    off = np.abs(signed_misses(rink, seen, back)) / evidence.unit_px
    missed = (np.minimum(off / _TRUNCATED, 1) * seen.weights).sum(axis=-1)
    outside = np.minimum(ice_outside_ft(rink, seen, back) / 10, 1).mean(axis=-1)
    result: Array = missed + outside
    return result


def _unsupported(poses: Array, rink: Rink, evidence: Evidence) -> Array:
    """(N,) how much of what would be in view is not seen; most where little would be."""
    share, count = support(rink, evidence, ice_to_image(poses, evidence.size_px))
    result: Array = 0.6 * (1 - share * np.minimum(count / 10, 1))
    return result


def _full_cost(poses: Array, rink: Rink, seen: Seen, evidence: Evidence) -> Array:
    back = inverse(poses, evidence.size_px)
    off = np.abs(signed_misses(rink, seen, back)) / evidence.unit_px
    missed = (seen.weights * off**2 / (off**2 + 9)).sum(axis=-1)
    outside = np.minimum(ice_outside_ft(rink, seen, back) / 10, 1).mean(axis=-1)
    result: Array = missed + outside + _unsupported(poses, rink, evidence)
    return result


def _spread(poses: Array, indices: NDArray[np.int64], evidence: Evidence) -> NDArray[np.int64]:
    """The first ``_KEPT`` of ``indices`` whose cameras differ by more than a little."""
    places = _probe(poses, evidence)
    chosen: list[int] = []
    for i in range(len(poses)):
        if len(chosen) == _KEPT:
            break
        if all(np.abs(places[i] - places[j]).max() > 3.0 for j in chosen):
            chosen.append(i)
    result: NDArray[np.int64] = indices[np.array(chosen, np.int64)]
    return result


def _probe(poses: Array, evidence: Evidence) -> Array:
    """(N, 6): where three pixels of the lower half lie on the ice, as far as 300 ft."""
    width, height = evidence.size_px
    pixels = np.array([(0.25, 0.55), (0.75, 0.55), (0.5, 0.85)]) * (width, height)
    back = inverse(poses, evidence.size_px)
    mapped = pixels @ np.swapaxes(back[..., :2], -1, -2) + back[:, None, :, 2]
    depth = np.where(mapped[..., 2] > 1e-6, mapped[..., 2], 1e-6)
    places = np.clip(mapped[..., :2] / depth[..., None], -300, 500)
    return places.reshape(len(poses), 6)


def _rival(poses: Array, cost: Array, evidence: Evidence) -> float:
    """The cost of the best camera that sees another place of the rink, over that of the best."""
    places = _probe(poses, evidence)
    other = np.abs(places - places[0]).max(axis=1) > 8.0
    if not other.any():
        return np.inf
    return float(cost[other].min() / max(cost[0], 1e-3))
