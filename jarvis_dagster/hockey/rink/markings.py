"""What is painted on the ice, mark by mark, as a picture shows it.

Belongs here: the kinds of marks that a network tells apart, their shape on the ice, and how
far a place is from the nearest mark of a kind. Does not belong here: pictures and cameras.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.drawing import crease_outline_ft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["KINDS", "mark_points_ft", "miss_ft", "misses_of", "outlines_ft"]

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
    away, along_x, along_y = misses_of(rink, kind, xy_ft[..., 0], xy_ft[..., 1])
    return away, np.stack(np.broadcast_arrays(along_x, along_y), axis=-1)


def misses_of(rink: Rink, kind: str, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """As :func:`miss_ft`, of coordinates (...) each, in their own precision: the distance, and
    x and y of the direction, which are single numbers where they are the same everywhere."""
    left = x < rink.length_ft / 2
    if kind in ("blue_line", "goal_line", "centre_line"):
        lines = {
            "blue_line": rink.blue_lines_ft,
            "goal_line": rink.goal_lines_ft,
            "centre_line": (rink.length_ft / 2,) * 2,
        }[kind]
        return x - _either(left, *lines, x), 1.0, 0.0
    if kind == "boards":
        return rink.boards_of(x, y)
    if kind == "crease":
        return _from_crease(rink, x, y)
    if kind == "centre_circle":
        return _from_circle(x, y, *rink.centre_ft, rink.circle_radius_ft)
    low = y < rink.width_ft / 2
    across = _either(low, rink.end_dots_ft[0][1], rink.end_dots_ft[1][1], y)
    ends = rink.end_dots_ft[0][0], rink.end_dots_ft[2][0]
    if kind == "end_circle":
        return _from_circle(x, y, _either(left, *ends, x), across, rink.circle_radius_ft)
    dots = np.array([line[0] for line in outlines_ft(rink)["dot"]], x.dtype)
    gaps = (x[..., None] - dots[:, 0]) ** 2 + (y[..., None] - dots[:, 1]) ** 2
    nearest = dots[gaps.argmin(axis=-1)]
    return _from_circle(x, y, nearest[..., 0], nearest[..., 1], 0.0)


def _either(first: Any, one: float, other: float, like: Any) -> Any:
    """``one`` where ``first``, else ``other``, in the precision of ``like``."""
    return np.where(first, like.dtype.type(one), like.dtype.type(other))


def _from_circle(
    x: Any, y: Any, centre_x: Any, centre_y: Any, radius: float
) -> tuple[Any, Any, Any]:
    away_x, away_y = x - centre_x, y - centre_y
    distance = np.hypot(away_x, away_y)
    safe = np.maximum(distance, 1e-9)
    return distance - radius, away_x / safe, away_y / safe


def _from_crease(rink: Rink, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """From the crease's rounded front and straight sides; its back is the goal line."""
    left = x < rink.length_ft / 2
    goal = _either(left, *rink.goal_lines_ft, x)
    middle = rink.width_ft / 2
    front, out_x, out_y = _from_circle(x, y, goal, middle, rink.crease_radius_ft)
    aside = y - middle
    half = rink.crease_half_width_ft
    ahead = np.where(left, x - goal, goal - x)
    straight = ahead < np.sqrt(max(rink.crease_radius_ft**2 - half**2, 0))
    sideways = np.where(aside < 0, -1.0, 1.0)
    return (
        np.where(straight, np.abs(aside) - half, front),
        np.where(straight, 0.0, out_x),
        np.where(straight, sideways, out_y),
    )
