"""The measures of a hockey rink, in feet.

Belongs here: what the rule books publish about ice, lines, dots, creases and
goals. Does not belong here: pictures of it, or where a camera stands.

Coordinates: x runs along the rink from the left end boards (0), y across it
from the side boards nearest the main camera (0). Left and right are as that
camera sees them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RINKS", "Rink", "rink_named"]

_FT_PER_M = 1 / 0.3048


@dataclasses.dataclass(frozen=True)
class Rink:
    """One rink's geometry; every length in feet."""

    name: str
    length_ft: float
    width_ft: float
    corner_radius_ft: float
    goal_line_ft: float  # from the end boards
    blue_line_ft: float  # from the end boards to the middle of the line
    blue_line_width_ft: float
    thin_line_width_ft: float
    end_dot_ft: tuple[float, float]  # from the goal line, from the long axis
    neutral_dot_ft: float  # from the middle of the blue line
    circle_radius_ft: float
    dot_radius_ft: float
    crease_radius_ft: float
    crease_half_width_ft: float
    referee_crease_radius_ft: float
    trapezoid_half_widths_ft: tuple[float, float] | None  # at the goal line, at the boards
    goal_width_ft: float = 6.0
    goal_height_ft: float = 4.0
    goal_depth_ft: float = 3.33
    board_height_ft: float = 3.5

    @property
    def centre_ft(self) -> tuple[float, float]:
        """The centre dot."""
        return self.length_ft / 2, self.width_ft / 2

    @property
    def goal_lines_ft(self) -> tuple[float, float]:
        """x of the left and the right goal line."""
        return self.goal_line_ft, self.length_ft - self.goal_line_ft

    @property
    def blue_lines_ft(self) -> tuple[float, float]:
        """x of the left and the right blue line."""
        return self.blue_line_ft, self.length_ft - self.blue_line_ft

    @property
    def end_dots_ft(self) -> tuple[tuple[float, float], ...]:
        """The four end-zone face-off dots: left low, left high, right low, right high."""
        along, aside = self.end_dot_ft
        low, high = self.width_ft / 2 - aside, self.width_ft / 2 + aside
        left, right = self.goal_line_ft + along, self.length_ft - self.goal_line_ft - along
        return (left, low), (left, high), (right, low), (right, high)

    @property
    def neutral_dots_ft(self) -> tuple[tuple[float, float], ...]:
        """The four neutral-zone face-off dots, in the order of :attr:`end_dots_ft`."""
        aside = self.end_dot_ft[1]
        low, high = self.width_ft / 2 - aside, self.width_ft / 2 + aside
        left = self.blue_line_ft + self.neutral_dot_ft
        right = self.length_ft - left
        return (left, low), (left, high), (right, low), (right, high)

    def signed_distance_ft(self, xy_ft: ArrayLike) -> NDArray[np.float64]:
        """Distance to the boards of points (..., 2): negative on the ice, positive outside."""
        xy = np.asarray(xy_ft, dtype=np.float64)
        distance: NDArray[np.float64] = self.outside_ft(xy[..., 0], xy[..., 1])
        return distance

    def outside_ft(self, x: Any, y: Any) -> Any:
        """As :meth:`signed_distance_ft`, of coordinates (...) each, in their own precision."""
        over_x, over_y, _, _ = self._over(x, y)
        corner = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
        return corner + np.minimum(np.maximum(over_x, over_y), 0) - self.corner_radius_ft

    def boards_from(self, xy_ft: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Signed distance (...) as above, and the unit vector (..., 2) to the nearest boards."""
        xy = np.asarray(xy_ft, dtype=np.float64)
        distance, along_x, along_y = self.boards_of(xy[..., 0], xy[..., 1])
        return distance, np.stack([along_x, along_y], axis=-1)

    def boards_of(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """As :meth:`boards_from`, of coordinates (...) each: distance, x and y of the vector."""
        over_x, over_y, sign_x, sign_y = self._over(x, y)
        beyond_x, beyond_y = np.maximum(over_x, 0), np.maximum(over_y, 0)
        corner = np.hypot(beyond_x, beyond_y)
        distance = corner + np.minimum(np.maximum(over_x, over_y), 0) - self.corner_radius_ft
        inner, across = corner <= 0, over_y > over_x
        safe = np.where(inner, 1, corner)
        along_x = np.where(inner, ~across, beyond_x / safe) * sign_x
        along_y = np.where(inner, across, beyond_y / safe) * sign_y
        return distance, along_x, along_y

    def _over(self, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
        """By how much places are beyond the centres of the corners, and on which side."""
        local_x, local_y = x - self.length_ft / 2, y - self.width_ft / 2
        return (
            np.abs(local_x) - (self.length_ft / 2 - self.corner_radius_ft),
            np.abs(local_y) - (self.width_ft / 2 - self.corner_radius_ft),
            np.where(local_x < 0, local_x.dtype.type(-1), local_x.dtype.type(1)),
            np.where(local_y < 0, local_y.dtype.type(-1), local_y.dtype.type(1)),
        )

    def outline_ft(self, step_ft: float = 2.0, inset_ft: float = 0.0) -> NDArray[np.float64]:
        """The boards as a closed polygon (N, 2), counter-clockwise from (radius, 0)."""
        radius = self.corner_radius_ft
        bend = max(3, round(radius * np.pi / 2 / step_ft) + 1)
        parts = []
        for start, (x, y) in (
            (-0.5, (self.length_ft - radius, radius)),
            (0.0, (self.length_ft - radius, self.width_ft - radius)),
            (0.5, (radius, self.width_ft - radius)),
            (1.0, (radius, radius)),
        ):
            angle = np.pi * np.linspace(start, start + 0.5, bend)
            reach = radius - inset_ft
            parts.append(np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1))
        return np.concatenate(parts)


def _metres(value: float) -> float:
    return value * _FT_PER_M


RINKS: dict[str, Rink] = {
    # NHL rule book, section 1 (rules 1 to 2).
    "NHL": Rink(
        name="NHL",
        length_ft=200.0,
        width_ft=85.0,
        corner_radius_ft=28.0,
        goal_line_ft=11.0,
        blue_line_ft=75.0,
        blue_line_width_ft=1.0,
        thin_line_width_ft=2 / 12,
        end_dot_ft=(20.0, 22.0),
        neutral_dot_ft=5.0,
        circle_radius_ft=15.0,
        dot_radius_ft=1.0,
        crease_radius_ft=6.0,
        crease_half_width_ft=4.0,
        referee_crease_radius_ft=10.0,
        trapezoid_half_widths_ft=(11.0, 14.0),
    ),
    # IIHF rule book, section 1: published in metres.
    "IIHF": Rink(
        name="IIHF",
        length_ft=_metres(60.0),
        width_ft=_metres(30.0),
        corner_radius_ft=_metres(8.5),
        goal_line_ft=_metres(4.0),
        blue_line_ft=_metres(22.86),
        blue_line_width_ft=_metres(0.3),
        thin_line_width_ft=_metres(0.05),
        end_dot_ft=(_metres(6.0), _metres(7.0)),
        neutral_dot_ft=_metres(1.5),
        circle_radius_ft=_metres(4.5),
        dot_radius_ft=_metres(0.3),
        crease_radius_ft=_metres(1.8),
        crease_half_width_ft=_metres(1.8),
        referee_crease_radius_ft=_metres(3.0),
        trapezoid_half_widths_ft=None,
        goal_width_ft=_metres(1.83),
        goal_height_ft=_metres(1.22),
        goal_depth_ft=_metres(1.12),
        board_height_ft=_metres(1.07),
    ),
}
# The narrow sheet that the IIHF rule book allows since 2021.
RINKS["IIHF-26"] = dataclasses.replace(RINKS["IIHF"], name="IIHF-26", width_ft=_metres(26.0))


def rink_named(name: str) -> Rink:
    """The rink called ``name``.

    Raises:
        BadInputError: no such rink.
    """
    try:
        return RINKS[name]
    except KeyError:
        raise BadInputError(
            f"There is no rink {name!r}.", f"Use one of {', '.join(RINKS)}."
        ) from None
