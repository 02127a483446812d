"""The puck: carried, passed, shot, sliding, stopped.

Belongs here: how the puck moves. Does not belong here: who decides about it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.skating import Skaters

__all__ = ["Puck", "Shot"]

_FRICTION_FTPS2 = 5.0
_REACH_FT = 3.6
Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Shot:
    """A shot under way; its outcome is drawn when it leaves the stick."""

    shooter: int
    side: int
    outcome: str  # goal | held | rebound | wide
    target: Array


class Puck:
    """Position and velocity on the ice, in feet and feet per second."""

    def __init__(self, rink: Rink) -> None:
        self.rink = rink
        self.xy: Array = np.array(rink.centre_ft)
        self.velocity: Array = np.zeros(2)
        self.owner: int | None = None
        self.receiver: int | None = None
        self.shot: Shot | None = None
        self.free_s = 0.0
        self.on_ice = True

    def take_away(self, dot: Array) -> None:
        """An official holds it for a face-off at ``dot``."""
        self.hold()
        self.xy = np.array(dot, dtype=np.float64)
        self.on_ice = False

    def hold(self) -> None:
        """Stop it where it is; nobody has it."""
        self.owner = self.receiver = self.shot = None
        self.velocity = np.zeros(2)

    def _release(self, target: Array, speed: float) -> None:
        way = target - self.xy
        self.velocity = way / max(float(np.linalg.norm(way)), 1e-6) * speed
        self.owner = None
        self.free_s = 0.0
        self.on_ice = True

    def pass_to(self, skaters: Skaters, receiver: int, speed: float) -> None:
        """Slide it to where ``receiver`` will be."""
        flight_s = float(np.linalg.norm(skaters.xy[receiver] - self.xy)) / speed
        self._release(skaters.xy[receiver] + skaters.velocity[receiver] * flight_s * 0.8, speed)
        self.receiver = receiver

    def shoot(self, shot: Shot, speed: float) -> None:
        """Send it at the goal."""
        self._release(shot.target, speed)
        self.receiver = None
        self.shot = shot

    def rebound(self, direction: int, rng: np.random.Generator) -> None:
        """Bounce off the goalkeeper, away from the goal."""
        angle = float(rng.uniform(-1.1, 1.1))
        speed = float(rng.uniform(18, 38))
        self.velocity = speed * np.array([-direction * np.cos(angle), np.sin(angle)])
        self.shot = None
        self.free_s = 0.0

    def step(self, skaters: Skaters, dt: float) -> None:
        """Advance by ``dt`` seconds."""
        if self.owner is not None:
            self._follow_blade(skaters, dt)
            return
        self.free_s += dt
        speed = float(np.linalg.norm(self.velocity))
        if speed <= 0:
            return
        self.velocity *= max(0.0, 1 - _FRICTION_FTPS2 * dt / speed)
        self.xy = self.xy + self.velocity * dt
        self._bounce()
        self._stop_in_net()

    def _follow_blade(self, skaters: Skaters, dt: float) -> None:
        slot = self.owner
        assert slot is not None
        angle = skaters.heading[slot] + 0.35 * np.sin(skaters.stride[slot])
        blade = skaters.xy[slot] + _REACH_FT * np.array([np.cos(angle), np.sin(angle)])
        wish = skaters.velocity[slot] + (blade - self.xy) * 9
        speed = float(np.linalg.norm(wish))
        self.velocity = wish * min(1.0, 60 / max(speed, 1e-6))
        self.xy = self.xy + self.velocity * dt
        self._bounce()

    def _bounce(self) -> None:
        distance, normal = self.rink.boards_from(self.xy)
        if distance < -0.4:
            return
        self.xy = self.xy - normal * (distance + 0.4)
        outward = float(self.velocity @ normal)
        if outward > 0:
            self.velocity = (self.velocity - 1.7 * outward * normal) * 0.85

    def _stop_in_net(self) -> None:
        if self.shot is None or self.shot.outcome != "goal":
            return
        beyond = abs(self.xy[0] - self.rink.centre_ft[0]) - (
            self.rink.centre_ft[0] - self.rink.goal_line_ft
        )
        if beyond > self.rink.goal_depth_ft - 0.6:
            self.velocity = np.zeros(2)
