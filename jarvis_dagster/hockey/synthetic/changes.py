"""Line changes: who is on the ice, who goes to the bench, who comes on.

Belongs here: shifts and benches. Does not belong here: tactics of those on the
ice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.people import POSITIONS_ON_ICE, SLOTS, TEAMS, Person

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.synthetic.play import Game

__all__ = ["BENCH_SPAN_FT", "LineChanges"]

BENCH_SPAN_FT = (12.0, 38.0)
"""Benches on the far side: distance of their ends from the centre line."""
_GATE_FT = 4.0  # this near the gate, the skater is off


class LineChanges:
    """Keeps who is in which slot; relieves forwards and defence pairs after a shift."""

    def __init__(self, game: Game, home: list[Person], away: list[Person]) -> None:
        self._game = game
        self._rosters = (home, away)
        officials = [person for person in game.people if person.role == "referee"]
        self.on_ice: list[Person] = []
        for roster in self._rosters:
            for position in POSITIONS_ON_ICE:
                self.on_ice.append(next(p for p in roster if p.position == position))
        self.on_ice.extend(officials)
        self.leaving: NDArray[np.bool_] = np.zeros(SLOTS, dtype=bool)
        self.since_s = np.zeros(SLOTS)
        # The first shift is already under way when the video starts.
        rng = game.rng
        self._due_s = {
            (side, group): float(rng.uniform(7, 14) if group == 0 else rng.uniform(13, 30))
            for side in (0, 1)
            for group in (0, 1)
        }

    def gate(self, slot: int) -> tuple[float, float]:
        """Where ``slot``'s team gets on and off the ice."""
        side = 0 if slot < 6 else 1
        rink = self._game.rink
        reach = 16.0 + 4.0 * (slot % 6)
        x = rink.length_ft / 2 + (-reach if side == 0 else reach)
        return x, rink.width_ft - 2.4

    def step(self, targets: NDArray[np.float64], pace: NDArray[np.float64]) -> None:
        """Send tired skaters to the bench, and bring on their relief."""
        game = self._game
        for (side, group), due in list(self._due_s.items()):
            if game.time_s >= due and self._may_change(side):
                self._call(side, group)
        for slot in np.flatnonzero(self.leaving).tolist():
            targets[slot], pace[slot] = self.gate(slot), 20.0
            if np.linalg.norm(game.skaters.xy[slot] - targets[slot]) < _GATE_FT:
                self._relieve(slot)

    def _may_change(self, side: int) -> bool:
        """On the fly with the puck away from the own end, or at a whistle."""
        game = self._game
        if game.phase == "stopped":
            return game.scorer is None
        if game.phase != "play" or self.leaving.any():
            return False
        owner = game.puck.owner
        u = float(game.views[side].to_team(game.puck.xy)[0])
        return owner is not None and owner // 6 == side and u > -10

    def _call(self, side: int, group: int) -> None:
        game = self._game
        slots = [6 * side + i for i in ((0, 1, 2) if group == 0 else (3, 4))]
        called = [s for s in slots if s != game.puck.owner]
        self.leaving[called] = True
        people = [self.on_ice[slot] for slot in called]
        game.ledger.add("line_change", TEAMS[side], people)
        low, high = (22, 34) if group == 0 else (28, 42)
        self._due_s[side, group] = game.time_s + float(game.rng.uniform(low, high))

    def _relieve(self, slot: int) -> None:
        game = self._game
        tired = self.on_ice[slot]
        roster = self._rosters[slot // 6]
        lines = [p for p in roster if p.position == tired.position]
        fresh = lines[([p.line for p in lines].index(tired.line) + 1) % len(lines)]
        self.end_shift(slot)
        self.on_ice[slot] = fresh
        self.leaving[slot] = False
        self.since_s[slot] = game.time_s
        x, y = self.gate(slot)
        game.skaters.place(slot, (x + (6.0 if slot < 6 else -6.0), y), -np.pi / 2)

    def end_shifts(self) -> None:
        """The video is over: note the shifts of all who are on the ice."""
        for slot in range(12):
            self.end_shift(slot)

    def end_shift(self, slot: int) -> None:
        """Note the shift of whoever is in ``slot``, from its start until now."""
        person = self.on_ice[slot]
        if person.role == "player":
            start = float(self.since_s[slot])
            self._game.ledger.add("shift", person.team, [person], start_s=start)
