"""How people hold themselves: goalkeepers going down, a referee's arm.

Belongs here: slow changes of posture that follow the play. Does not belong
here: joints (``poses``) or motion over the ice (``skating``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.play import Game

__all__ = ["Stances"]

_KEEPERS = (5, 11)
_SIGNALLING = 12  # the slot of the referee who raises an arm


class Stances:
    """Postures that take time to change."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self._down = dict.fromkeys(_KEEPERS, 0.0)

    def keeper_down(self, slot: int) -> float:
        """How far the goalkeeper in ``slot`` is down in the butterfly, 0 to 1."""
        return self._down[slot]

    def arm_up(self, slot: int) -> float:
        """How far an official's arm is up, 0 to 1: a referee signals at a whistle."""
        game = self._game
        if game.phase != "stopped" or slot != _SIGNALLING:
            return 0.0
        return float(np.clip(min(game.phase_s, 2.5 - game.phase_s) / 0.4, 0, 1))

    def step(self, dt: float) -> None:
        """Goalkeepers go down fast for a shot or a puck in front, and get up slowly."""
        game = self._game
        for slot in _KEEPERS:
            near = float(np.linalg.norm(game.skaters.xy[slot] - game.puck.xy)) < 16
            shot = game.puck.shot is not None and game.puck.shot.side != game.side(slot)
            goal = 1.0 if shot or (near and game.phase != "face-off") else 0.0
            rate = 9.0 if goal > self._down[slot] else 2.5
            self._down[slot] += (goal - self._down[slot]) * min(1.0, rate * dt)
