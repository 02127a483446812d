"""Where each skater wants to be.

Belongs here: formations and marking, as targets on the ice. Does not belong
here: what happens to the puck, or how bodies move.

Formations are written in a team's own view: ``u`` feet from the centre dot
toward the goal it attacks, ``w`` feet to its left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink

__all__ = ["TeamView", "attack", "defend", "face_off", "goalkeeper", "officials"]

Array = NDArray[np.float64]

# C, LW, RW, LD, RD
_ATTACK = np.array([(60.0, 3.0), (76.0, 24.0), (68.0, -20.0), (34.0, 17.0), (34.0, -17.0)])
_DEFEND = np.array([(-64.0, 2.0), (-46.0, 19.0), (-46.0, -19.0), (-80.0, 8.0), (-78.0, -9.0)])
_FACE_OFF = np.array([(-2.6, 0.0), (-3.0, 17.0), (-3.0, -17.0), (-19.0, 9.0), (-19.0, -9.0)])


class TeamView:
    """A rink as the team that attacks in ``direction`` (+1: rightward) sees it."""

    def __init__(self, rink: Rink, direction: int) -> None:
        self.centre = np.array(rink.centre_ft)
        self.direction = direction
        self.blue_ft = rink.centre_ft[0] - rink.blue_line_ft
        self.goal_ft = rink.centre_ft[0] - rink.goal_line_ft
        self.half_width_ft = rink.centre_ft[1]
        # Formations are written for an NHL rink.
        self.scale = np.array([self.goal_ft / 89.0, self.half_width_ft / 42.5])

    def to_team(self, xy: Array) -> Array:
        """Rink feet (..., 2) to (u, w)."""
        mine: Array = (np.asarray(xy) - self.centre) * self.direction
        return mine

    def to_rink(self, uw: Array) -> Array:
        """(u, w) to rink feet (..., 2)."""
        theirs: Array = np.asarray(uw) * self.direction + self.centre
        return theirs


def attack(view: TeamView, puck: Array, carrier: int, drift: Array, onside: bool) -> Array:
    """Targets (5, 2) in rink feet of the team that has the puck."""
    u, w = view.to_team(puck)
    if u > view.blue_ft + 2:
        spots = _ATTACK * view.scale
        spots[:, 1] += 0.25 * w
    else:
        ahead = min(u + 22, view.blue_ft - 3)
        lanes = np.array([(u + 4, -0.4 * w), (ahead, 27.0), (ahead - 5, -27.0), (0, 0), (0, 0)])
        lanes[3], lanes[4] = (u - 18, 13.0), (u - 20, -13.0)
        spots = lanes * (1, view.scale[1])
    spots = spots + drift
    if not onside:
        others = np.arange(5) != carrier
        spots[others, 0] = np.minimum(spots[others, 0], view.blue_ft - 2.5)
    spots[:, 0] = np.clip(spots[:, 0], -view.goal_ft - 4, view.goal_ft - 4)
    return view.to_rink(spots)


def defend(view: TeamView, puck: Array, opponents: Array, drift: Array) -> Array:
    """Targets (5, 2) in rink feet of the team without the puck.

    Each keeps a zone, pulled toward the opponent nearest to it and to the side
    of the puck, and stays between that opponent and the own goal.
    """
    u, w = view.to_team(puck)
    if u < -view.blue_ft:
        spots = _DEFEND * view.scale
        spots[:, 1] += 0.32 * w
        pull = 0.55
    else:
        back = np.array([(u - 7, 0.75 * w), (u - 20, 19.0), (u - 20, -19.0), (0, 0), (0, 0)])
        back[3], back[4] = (u - 34, 9 + 0.3 * w), (u - 34, -9 + 0.3 * w)
        spots = back * (1, view.scale[1])
        pull = 0.3
    spots = spots + drift
    marks = view.to_team(opponents)
    distance = np.linalg.norm(spots[:, None] - marks[None], axis=2)
    goal = np.array([-view.goal_ft, 0.0])
    for i in np.argsort(distance.min(axis=1)):
        nearest = int(distance[i].argmin())
        if distance[i, nearest] < 30:
            way = goal - marks[nearest]
            cover = marks[nearest] + way * min(1, 4.5 / max(float(np.linalg.norm(way)), 1e-6))
            spots[i] += (cover - spots[i]) * pull
            distance[:, nearest] += 40
    spots[:, 0] = np.clip(spots[:, 0], -view.goal_ft - 3, view.goal_ft)
    return view.to_rink(spots)


def face_off(view: TeamView, dot: Array) -> Array:
    """Targets (5, 2) around ``dot`` before the puck drops."""
    u, w = view.to_team(dot)
    spots = _FACE_OFF + np.array((u, w))
    limit = view.half_width_ft - 4
    spots[:, 1] = np.clip(spots[:, 1], -limit, limit)
    spots[:, 0] = np.clip(spots[:, 0], -view.goal_ft + 3, view.goal_ft - 3)
    return view.to_rink(spots)


def goalkeeper(view: TeamView, puck: Array) -> Array:
    """Where the goalkeeper stands: on the line from the goal to the puck."""
    goal = np.array([-view.goal_ft - 1.0, 0.0])
    way = view.to_team(puck) - goal
    distance = max(float(np.linalg.norm(way)), 1e-6)
    depth = float(np.clip(2.2 + distance * 0.035, 2.5, 5.2))
    spot = goal + way / distance * depth
    spot[0] = max(spot[0], -view.goal_ft + 1.0)
    spot[1] = np.clip(spot[1], -3.2, 3.2)
    return view.to_rink(spot)


def officials(rink: Rink, puck: Array, drift: Array) -> Array:
    """Targets (4, 2): two referees around the play, two linesmen near the blue lines."""
    x = float(puck[0])
    left, right = rink.blue_lines_ft
    far, near = rink.width_ft - 5, 5.0
    middle = rink.length_ft / 2
    # One referee leads the play along the far boards, the other trails it.
    side = float(np.tanh((x - middle) / 18))
    apart = 1 - side * side  # in the middle they stand to either side
    spots = np.array(
        [
            (np.clip(x + 34 * side + 22 * apart, 9, rink.length_ft - 9), far - 4),
            (np.clip(x - 40 * side - 25 * apart, 9, rink.length_ft - 9), near + 7),
            (np.clip(x - 20, left - 3, middle + 8), far),
            (np.clip(x + 20, middle - 8, right + 3), near),
        ]
    )
    return spots + drift * (0.6, 0.25)
