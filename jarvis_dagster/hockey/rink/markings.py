"""What is painted on the ice, mark by mark, as a picture shows it.

Belongs here: the kinds of marks that a network tells apart, their shape on the ice, and how
far a place is from the nearest mark of a kind. Does not belong here: pictures and cameras.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.drawing import crease_outline_ft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["KINDS", "mark_points_ft", "miss_ft", "outlines_ft"]

KINDS = (
    "blue_line",
    "centre_line",
    "goal_line",
    "end_circle",
    "centre_circle",
    "dot",
    "crease",
    "boards",
    "ice",
)
"""Channels of the network: curves, then ``dot`` as spots, then ``ice`` as an area."""


def _circle(centre: tuple[float, float], radius: float, points: int = 96) -> Array:
    angle = np.linspace(0, 2 * np.pi, points + 1)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1)


def _across(rink: Rink, x: float) -> Array:
    """A line across the rink at ``x``, to where the boards cut it off."""
    y = np.linspace(0, rink.width_ft / 2, 400)
    inside = y[rink.signed_distance_ft(np.stack([np.full_like(y, x), y], 1)) <= 0]
    low = float(inside[0]) if len(inside) else 0.0
    return np.stack([np.full(60, x), np.linspace(low, rink.width_ft - low, 60)], axis=1)


def _even(line: Array, step_ft: float) -> Array:
    """Points (M, 2) along a polyline (N, 2), evenly spaced."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    wanted = np.arange(step_ft / 2, along[-1], step_ft)
    return np.stack([np.interp(wanted, along, line[:, i]) for i in (0, 1)], axis=1)


@lru_cache(maxsize=8)
def outlines_ft(rink: Rink) -> dict[str, list[Array]]:
    """Polylines (N, 2) in feet by kind; a dot is a polyline of one point."""
    corners = rink.outline_ft(step_ft=1.0)
    # Points along the straight sides too: a piece that is partly behind the camera is left out.
    boards = _even(np.concatenate([corners, corners[:1]]), 1.0)
    return {
        "blue_line": [_across(rink, x) for x in rink.blue_lines_ft],
        "centre_line": [_across(rink, rink.length_ft / 2)],
        "goal_line": [_across(rink, x) for x in rink.goal_lines_ft],
        "end_circle": [_circle(dot, rink.circle_radius_ft) for dot in rink.end_dots_ft],
        "centre_circle": [_circle(rink.centre_ft, rink.circle_radius_ft)],
        "dot": [
            np.array([dot]) for dot in (*rink.end_dots_ft, *rink.neutral_dots_ft, rink.centre_ft)
        ],
        "crease": [crease_outline_ft(rink, side) for side in (1, -1)],  # open at the goal line
        "boards": [np.concatenate([boards, boards[:1]])],
    }


@lru_cache(maxsize=16)
def mark_points_ft(rink: Rink, step_ft: float = 2.0) -> tuple[Array, NDArray[np.int64]]:
    """Points (N, 2) along all marks, evenly spaced, and the index (N,) of their kind."""
    points, kinds = [], []
    for index, kind in enumerate(KINDS[:-1]):
        for line in outlines_ft(rink)[kind]:
            even = line if len(line) == 1 else _even(line, step_ft)
            points.append(even)
            kinds.append(np.full(len(even), index))
    return np.concatenate(points), np.concatenate(kinds)


def miss_ft(rink: Rink, kind: str, xy_ft: Array) -> tuple[Array, Array]:
    """Signed distance (...) in feet of places (..., 2) from the nearest mark of ``kind``, and
    the unit direction (..., 2) in which it grows."""
    x, y = xy_ft[..., 0], xy_ft[..., 1]
    if kind in ("blue_line", "goal_line", "centre_line"):
        lines = {
            "blue_line": rink.blue_lines_ft,
            "goal_line": rink.goal_lines_ft,
            "centre_line": (rink.length_ft / 2,) * 2,
        }[kind]
        nearest = np.where(x < rink.length_ft / 2, lines[0], lines[1])
        along = np.zeros((*x.shape, 2))
        along[..., 0] = 1.0
        return x - nearest, along
    if kind == "boards":
        return rink.boards_from(xy_ft)
    if kind == "crease":
        return _from_crease(rink, xy_ft)
    if kind == "centre_circle":
        return _from_circle(xy_ft, np.array(rink.centre_ft), rink.circle_radius_ft)
    low, high = rink.end_dots_ft[0][1], rink.end_dots_ft[1][1]
    across = np.where(y < rink.width_ft / 2, low, high)
    if kind == "end_circle":
        ends = rink.end_dots_ft[0][0], rink.end_dots_ft[2][0]
        along_x = np.where(x < rink.length_ft / 2, ends[0], ends[1])
        return _from_circle(xy_ft, np.stack([along_x, across], -1), rink.circle_radius_ft)
    dots = np.array([line[0] for line in outlines_ft(rink)["dot"]])
    gaps = np.linalg.norm(xy_ft[..., None, :] - dots, axis=-1)
    return _from_circle(xy_ft, dots[gaps.argmin(axis=-1)], 0.0)


def _from_circle(xy: Array, centre: Array, radius: float) -> tuple[Array, Array]:
    away = xy - centre
    distance = np.linalg.norm(away, axis=-1)
    return distance - radius, away / np.maximum(distance, 1e-9)[..., None]


def _from_crease(rink: Rink, xy: Array) -> tuple[Array, Array]:
    """From the crease's rounded front and straight sides; its back is the goal line."""
    left = xy[..., 0] < rink.length_ft / 2
    ahead = np.where(left, 1.0, -1.0)
    goal = np.where(left, rink.goal_lines_ft[0], rink.goal_lines_ft[1])
    middle = rink.width_ft / 2
    front, out = _from_circle(
        xy, np.stack([goal, np.full_like(goal, middle)], -1), rink.crease_radius_ft
    )
    aside = xy[..., 1] - middle
    half = rink.crease_half_width_ft
    straight = (xy[..., 0] - goal) * ahead < np.sqrt(max(rink.crease_radius_ft**2 - half**2, 0))
    sideways = np.zeros_like(out)
    sideways[..., 1] = np.where(aside < 0, -1.0, 1.0)
    return (
        np.where(straight, np.abs(aside) - half, front),
        np.where(straight[..., None], sideways, out),
    )
