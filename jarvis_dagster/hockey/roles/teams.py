"""Two teams from kits, without labels.

Belongs here: finding the two kits of a game among the tracks' descriptions, and
how surely each track wears one of them. Does not belong here: the descriptions
(:mod:`.samples`), roles (:mod:`.votes`).

The method: the two centres are the pair of tracks around which the most evidence
gathers when every track counts by its distance to the nearer centre, capped so
that officials, goalkeepers and bystanders pull nobody (a truncated k-means, in
the manner of Cuesta-Albertos et al., "Trimmed k-means", 1997); then Lloyd steps,
then a regularised linear discriminant between the two, on which tracks are placed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.roles.samples import KitSummary

__all__ = ["Kits", "find_kits", "wear"]

_CAP = 4.0
"""Distance from which a track belongs to neither kit (units of usual variation)."""
_ONE_KIT = 1.5
"""Centres closer than this are one kit seen twice."""
_SEEDS = 24


@dataclasses.dataclass(frozen=True)
class Kits:
    """The two kits of a game, the lighter one first.

    Attributes:
        centres: (2, F), or (1, F) when only one kit was seen.
        axis: (F,) unit direction from the first to the second kit that tells them
            apart best; zeros when there is one kit.
        places: (2,) where the two kits lie on ``axis``.
        spread: spread of a kit along ``axis``.
    """

    centres: NDArray[np.float64]
    axis: NDArray[np.float64]
    places: NDArray[np.float64]
    spread: float


def find_kits(summary: KitSummary, counts: NDArray[np.float64]) -> Kits | None:
    """The kits that were worn; None when nobody was seen.

    Args:
        summary: One row a track.
        counts: (T,) how much each track counts; 0 for who is in no team.
    """
    every = summary.weights * counts
    chosen = np.flatnonzero(every > 0)
    if not len(chosen):
        return None
    vectors, weights = summary.vectors[chosen], every[chosen]
    centres = _lloyd(vectors, weights, _best_pair(vectors, weights))
    if len(centres) == 2:
        nearest, _ = _nearest(vectors, centres)
        lightness = [
            np.average(summary.lab[chosen, 0][nearest == k], weights=weights[nearest == k])
            for k in range(2)
        ]
        centres = centres[np.argsort(lightness)[::-1]]
    return _discriminant(vectors, weights, centres)


def wear(summary: KitSummary, kits: Kits) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which kit each track wears (0, 1) and how surely (0 to 1), each (T,).

    A sureness below a half means neither: too far from both or between them.
    """
    nearest, distance = _nearest(summary.vectors, kits.centres)
    # Far from both kits: an official, a goalkeeper's other kit, a person off the ice.
    plausible = 1 / (1 + np.exp((distance - 1.25 * _CAP) / (0.12 * _CAP)))
    if len(kits.centres) == 1:
        return np.zeros(len(nearest), np.int64), plausible
    place = summary.vectors @ kits.axis
    middle = kits.places.mean()
    span = max(float(np.ptp(kits.places)) / 2, 1e-6)
    # +1 at the second kit, -1 at the first; between them the odds follow the spread.
    side = np.clip((place - middle) / span, -3, 3)
    odds = side * span * 2 * span / max(kits.spread, span / 3, 1.0) ** 2
    second = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    kit = (second > 0.5).astype(np.int64)
    sure = np.maximum(second, 1 - second)
    return kit, sure * plausible


def _nearest(
    vectors: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    distance = np.linalg.norm(vectors[:, None] - centres[None], axis=2)
    nearest = distance.argmin(axis=1)
    return nearest, distance[np.arange(len(vectors)), nearest]


def _best_pair(vectors: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two tracks that explain the most as centres, among the best seen."""
    seeds = np.argsort(-weights, kind="stable")[:_SEEDS]
    squared = ((vectors[:, None] - vectors[None, seeds]) ** 2).sum(2)
    squared = np.minimum(squared, _CAP**2)
    cost = np.minimum(squared[:, :, None], squared[:, None, :])
    total = (weights[:, None, None] * cost).sum(0)
    first, second = np.unravel_index(int(total.argmin()), total.shape)
    return vectors[seeds[[first, second]]]


def _lloyd(
    vectors: NDArray[np.float64], weights: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    for _ in range(25):
        nearest, distance = _nearest(vectors, centres)
        moved = centres.copy()
        for k in range(len(centres)):
            mine = (nearest == k) & (distance < _CAP)
            if mine.any():
                moved[k] = np.average(vectors[mine], axis=0, weights=weights[mine])
        if np.allclose(moved, centres):
            break
        centres = moved
    if len(centres) == 2 and np.linalg.norm(centres[0] - centres[1]) < _ONE_KIT:
        _, distance = _nearest(vectors, centres)
        mine = distance < _CAP
        return np.average(vectors[mine], axis=0, weights=weights[mine])[None]
    return centres


def _discriminant(
    vectors: NDArray[np.float64], weights: NDArray[np.float64], centres: NDArray[np.float64]
) -> Kits:
    """Fisher's linear discriminant between the kits, shrunk towards the identity."""
    width = vectors.shape[1]
    if len(centres) == 1:
        return Kits(centres, np.zeros(width), np.zeros(2), 1.0)
    nearest, distance = _nearest(vectors, centres)
    core = distance < _CAP
    residual = vectors[core] - centres[nearest[core]]
    share = weights[core] / weights[core].sum()
    scatter = (residual * share[:, None]).T @ residual
    ridge = 0.5 * np.eye(width) + 0.5 * np.trace(scatter) / width * np.eye(width)
    axis = np.linalg.solve(scatter + ridge, centres[1] - centres[0])
    axis /= np.linalg.norm(axis)
    spread = float(np.sqrt(share @ (residual @ axis) ** 2))
    return Kits(centres, axis, centres @ axis, spread)
