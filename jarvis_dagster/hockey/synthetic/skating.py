"""How a skater may move.

Belongs here: the limits of speed and acceleration, and one step of motion
toward a target. Does not belong here: why somebody wants to go there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink

__all__ = ["MAX_ACCELERATION_FTPS2", "MAX_SPEED_FTPS", "Skaters", "wrap_angle"]

MAX_SPEED_FTPS = 32.0
"""A fast skater in a game; the quickest men reach about 36 for a moment."""
MAX_ACCELERATION_FTPS2 = 20.0
"""Hard stops and turns reach this; starts are weaker."""

_START_FTPS2 = 13.0
_ROOM_FT = 1.6  # a body's middle stays this far from the boards
_NET_ROOM_FT = 6.0  # from the middle of a goal, where skaters turn away
_TURN_RADPS = 5.0

Array = NDArray[np.float64]


def wrap_angle(angle: Array) -> Array:
    """The same angle in [-pi, pi)."""
    wrapped: Array = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped


class Skaters:
    """Position, velocity, heading and stride of the people on the ice.

    Arrays have one row per slot; feet, feet per second, radians.
    """

    def __init__(self, rink: Rink, count: int, keepers: tuple[int, ...]) -> None:
        self.rink = rink
        middle, depth = rink.width_ft / 2, rink.goal_depth_ft / 2
        left, right = rink.goal_lines_ft
        self._nets: Array = np.array([(left - depth, middle), (right + depth, middle)])
        self._skirts: Array = np.ones(count)  # goalkeepers may touch their goal
        self._skirts[list(keepers)] = 0
        self.xy: Array = np.zeros((count, 2))
        self.velocity: Array = np.zeros((count, 2))
        self.heading: Array = np.zeros(count)
        self.stride: Array = np.zeros(count)  # phase of the legs
        self.effort: Array = np.zeros(count)  # 0 gliding, 1 pushing hard

    def place(self, slot: int, xy: tuple[float, float], heading: float) -> None:
        """Put somebody new into ``slot``, at rest."""
        self.xy[slot] = xy
        self.velocity[slot] = 0
        self.heading[slot] = heading
        self.effort[slot] = 0

    def step(self, targets: Array, pace: Array, look_at: Array, dt: float) -> None:
        """Move everybody toward ``targets`` (N, 2) at up to ``pace`` (N,) ft/s.

        ``look_at`` (N, 2) is what people who are slow, or backing away from it, face.
        """
        wish = self._wish(self._inside(targets), pace)
        change = (wish - self.velocity) / 0.28 + self._apart() + self._around_the_nets()
        wish_speed = np.linalg.norm(wish, axis=1)
        speed = np.linalg.norm(self.velocity, axis=1)
        limit = np.where(wish_speed > speed, _START_FTPS2, MAX_ACCELERATION_FTPS2 * 0.8)
        size = np.linalg.norm(change, axis=1)
        change *= np.minimum(1, limit / np.maximum(size, 1e-9))[:, None]
        change = self._off_the_boards(change, dt)
        size = np.linalg.norm(change, axis=1)
        change *= np.minimum(1, MAX_ACCELERATION_FTPS2 * 0.97 / np.maximum(size, 1e-9))[:, None]
        self.velocity += change * dt
        speed = np.linalg.norm(self.velocity, axis=1)
        top = MAX_SPEED_FTPS * 0.97
        self.velocity *= np.minimum(1, top / np.maximum(speed, 1e-9))[:, None]
        self.xy += self.velocity * dt
        self._turn(look_at, dt)
        push = np.clip(np.linalg.norm(change, axis=1) / _START_FTPS2 + speed / 60, 0, 1)
        self.effort += (push - self.effort) * min(1.0, 4 * dt)
        self.stride += 2 * np.pi * dt * (0.25 + 0.045 * speed + 0.3 * self.effort)

    def _inside(self, targets: Array) -> Array:
        """Pull targets onto the ice."""
        low = _ROOM_FT + 0.6
        half = np.array([self.rink.length_ft, self.rink.width_ft]) / 2
        local = np.clip(targets - half, low - half, half - low)
        bend = half - self.rink.corner_radius_ft
        over = np.maximum(np.abs(local) - bend, 0)
        reach = np.linalg.norm(over, axis=1)
        allowed = self.rink.corner_radius_ft - low
        shrink = np.where(reach > allowed, allowed / np.maximum(reach, 1e-9), 1)[:, None]
        cornered = np.sign(local) * (bend + over * shrink)
        pulled: Array = np.where(over.min(axis=1, keepdims=True) > 0, cornered, local) + half
        return pulled

    def _wish(self, targets: Array, pace: Array) -> Array:
        way = targets - self.xy
        distance = np.linalg.norm(way, axis=1)
        # Slow down in time: v^2 = 2 a s.
        speed = np.minimum(pace, np.sqrt(2 * 9.0 * distance))
        speed = np.where(distance < 0.4, 0, speed)
        wish: Array = way * (speed / np.maximum(distance, 1e-9))[:, None]
        return wish

    def _apart(self) -> Array:
        """People do not stand in each other, and see a collision coming."""
        gap = self.xy[:, None] - self.xy[None]
        soon = gap + (self.velocity[:, None] - self.velocity[None]) * 0.22
        distance = np.sqrt((gap**2).sum(axis=2))
        closest = np.minimum(distance, np.sqrt((soon**2).sum(axis=2)))
        push = np.clip((4.6 - closest) / 2.6, 0, 1.6) * 24 * (distance < 9)
        np.fill_diagonal(push, 0)
        apart: Array = (gap * (push / np.maximum(distance, 1e-6))[..., None]).sum(axis=1)
        return apart

    def _around_the_nets(self) -> Array:
        """Nobody skates through a goal."""
        gap = (self.xy + self.velocity * 0.12)[:, None] - self._nets[None]
        distance = np.sqrt((gap**2).sum(axis=2))
        push = np.clip((_NET_ROOM_FT - distance) / 2.0, 0, 1.5) * 30 * self._skirts[:, None]
        around: Array = (gap * (push / np.maximum(distance, 1e-6))[..., None]).sum(axis=1)
        return around

    def _off_the_boards(self, change: Array, dt: float) -> Array:
        """Brake the part of the motion that would hit the boards."""
        distance, normal = self.rink.boards_from(self.xy)
        room = np.maximum(-distance - _ROOM_FT, 0)
        allowed = np.sqrt(2 * 14.0 * room)
        outward = ((self.velocity + change * dt) * normal).sum(axis=1)
        excess = np.clip((outward - allowed) / dt, 0, 2 * MAX_ACCELERATION_FTPS2)
        excess = np.maximum(excess, np.where(distance > -_ROOM_FT, 3.0, 0.0))
        braked: Array = change - normal * excess[:, None]
        return braked

    def _turn(self, look_at: Array, dt: float) -> None:
        speed = np.linalg.norm(self.velocity, axis=1)
        to_look = look_at - self.xy
        facing = np.arctan2(to_look[:, 1], to_look[:, 0])
        moving = np.arctan2(self.velocity[:, 1], self.velocity[:, 0])
        away = np.abs(wrap_angle(moving - facing)) > 2.1
        forward = (speed > 7) & ~(away & (speed < 20))
        goal = np.where(forward, moving, facing)
        turn = wrap_angle(goal - self.heading)
        self.heading += np.clip(turn * 4 * dt, -_TURN_RADPS * dt, _TURN_RADPS * dt)
