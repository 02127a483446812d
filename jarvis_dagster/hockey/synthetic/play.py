"""The course of a game: puck, possession, shots, whistles, face-offs.

Belongs here: the state machine that decides what happens, and the events it
leaves behind. Does not belong here: where people stand (``tactics``), how they
move (``skating``), who relieves whom (``changes``), or any picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.rink import rink_named
from jarvis_dagster.hockey.synthetic import tactics
from jarvis_dagster.hockey.synthetic.changes import LineChanges
from jarvis_dagster.hockey.synthetic.ledger import Ledger
from jarvis_dagster.hockey.synthetic.people import SLOTS, TEAMS, Person, make_officials, make_team
from jarvis_dagster.hockey.synthetic.positioning import where_to
from jarvis_dagster.hockey.synthetic.puck import Puck
from jarvis_dagster.hockey.synthetic.shooting import follow_shot, shoot
from jarvis_dagster.hockey.synthetic.skating import Skaters
from jarvis_dagster.hockey.synthetic.stances import Stances

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["TICK_S", "Game"]

TICK_S = 1 / 60
_STREAM = 22  # which of a seed's random streams the play takes
Array = NDArray[np.float64]


class Game:
    """A game that advances tick by tick; everything random comes from the seed."""

    def __init__(self, spec: GameSpec) -> None:
        self.rink = rink_named(spec.rink)
        self.rng = np.random.default_rng([spec.seed, _STREAM])
        roster_rng = np.random.default_rng([spec.seed, 2])
        home, away = make_team("A", 1, roster_rng), make_team("B", 41, roster_rng)
        self.people: list[Person] = [*home, *away, *make_officials(81, roster_rng)]
        self.views = (tactics.TeamView(self.rink, 1), tactics.TeamView(self.rink, -1))
        self.skaters = Skaters(self.rink, SLOTS, keepers=(5, 11))
        self.puck = Puck(self.rink)
        self.time_s = 0.0
        self.ledger = Ledger(lambda: self.time_s)
        self.changes = LineChanges(self, home, away)
        self.stances = Stances(self)
        self.score = [0, 0]
        self.clock_s = 20 * 60 - float(self.rng.integers(0, 900))
        self.drift: Array = np.zeros((SLOTS, 2))
        self.phase = "face-off"  # face-off | play | stopped
        self.phase_s = 0.0
        self.drop_at_s = 1.1
        self.restart_s = 0.0
        self.dot: Array = np.array(self.rink.centre_ft)
        self.last_touch: int | None = None
        self.held_s = 0.0
        self.lane = 0.0
        self.in_zone = ""
        self.scorer: int | None = None
        self._start()

    # People by slot -------------------------------------------------------------------
    def person(self, slot: int) -> Person:
        """Who is in ``slot`` now."""
        return self.changes.on_ice[slot]

    @staticmethod
    def side(slot: int) -> int:
        """0 for team A, 1 for team B."""
        return 0 if slot < 6 else 1

    def skater_slots(self, side: int) -> NDArray[np.int64]:
        """The five skaters of a team."""
        return np.arange(5) + 6 * side

    # Advance --------------------------------------------------------------------------
    def step(self) -> None:
        """Advance by one tick."""
        self.time_s += TICK_S
        self.phase_s += TICK_S
        pull = np.exp(-TICK_S / 2.5)
        kick = self.rng.normal(0, 1, self.drift.shape) * 5 * np.sqrt(1 - pull**2)
        self.drift = self.drift * pull + kick
        if self.phase == "play":
            self.clock_s = max(0.0, self.clock_s - TICK_S)
            self._play()
        elif self.phase == "face-off":
            self._await_drop()
        elif self.phase_s > self.restart_s:
            self._set("face-off")
            self.drop_at_s = 0.0
            self.puck.take_away(self.dot)
        targets, pace = where_to(self)
        self.changes.step(targets, pace)
        look = np.tile(self.puck.xy, (SLOTS, 1))
        if self.phase == "stopped" and self.scorer is not None:
            look[:] = self.skaters.xy[self.scorer]
        self.skaters.step(targets, pace, look, TICK_S)
        self.puck.step(self.skaters, TICK_S)
        self.stances.step(TICK_S)

    def _set(self, phase: str) -> None:
        self.phase = phase
        self.phase_s = 0.0

    def _start(self) -> None:
        targets, _ = where_to(self)
        for slot in range(SLOTS):
            x, y = targets[slot]
            facing = np.arctan2(self.dot[1] - y, self.dot[0] - x)
            self.skaters.place(slot, (x, y), float(facing))
        self.puck.take_away(self.dot)

    def _await_drop(self) -> None:
        centres = self.skaters.xy[[0, 6]]
        ready = np.linalg.norm(centres - self.dot, axis=1).max() < 4.5
        if not ready and self.phase_s < 9:
            self.drop_at_s = self.phase_s + 1.0
            return
        if self.phase_s < self.drop_at_s:
            return
        winner = int(self.rng.random() < 0.5)
        slots = self.skater_slots(winner)
        self.ledger.add("face_off", TEAMS[winner], [self.person(0), self.person(6)], self.dot)
        self._set("play")
        receiver = int(slots[3 + int(self.rng.random() < 0.5)])
        self.puck.pass_to(self.skaters, receiver, 34.0)
        self.last_touch = int(slots[0])
        self.in_zone = ""

    def whistle(self, reason: str, team: str, dot: Array, pause_s: float) -> None:
        """Stop the play; it goes on with a face-off at ``dot`` after ``pause_s`` and more."""
        self.ledger.add("stoppage", team, [], self.puck.xy, reason=reason)
        self._set("stopped")
        self.restart_s = pause_s
        self.dot = np.array(dot)
        self.puck.hold()

    # Play -----------------------------------------------------------------------------
    def _play(self) -> None:
        if self.puck.shot is not None:
            follow_shot(self, self.puck.shot)
            return
        if self.puck.owner is None:
            self._win_loose_puck()
            return
        self.held_s += TICK_S
        owner = self.puck.owner
        self._note_zone(owner)
        if self._lost_to_check(owner):
            return
        view = self.views[self.side(owner)]
        u, w = view.to_team(self.puck.xy)
        to_goal = float(np.hypot(view.goal_ft - u, w))
        open_net = to_goal < 48 and u < view.goal_ft - 5 and abs(w) < view.goal_ft - u + 12
        rng = self.rng.random()
        if open_net and rng < TICK_S * (0.3 + 3.2 * max(0.0, 1 - to_goal / 50)):
            shoot(self, owner)
        elif self.held_s > 0.7:
            pressed = self._pressure(owner) < 8
            rate = 1.3 if pressed else 0.35
            if self.rng.random() < TICK_S * rate:
                self._pass(owner)

    def _pressure(self, slot: int) -> float:
        rivals = self.skaters.xy[self.skater_slots(1 - self.side(slot))]
        return float(np.linalg.norm(rivals - self.skaters.xy[slot], axis=1).min())

    def _note_zone(self, owner: int) -> None:
        side = self.side(owner)
        view = self.views[side]
        u = float(view.to_team(self.puck.xy)[0])
        if u > view.blue_ft + 1:
            if self.in_zone != TEAMS[side]:
                self.in_zone = TEAMS[side]
                self.ledger.add("zone_entry", TEAMS[side], [self.person(owner)], self.puck.xy)
        elif abs(u) < view.blue_ft - 2:
            self.in_zone = ""

    def _lost_to_check(self, owner: int) -> bool:
        rivals = self.skater_slots(1 - self.side(owner))
        distance = np.linalg.norm(self.skaters.xy[rivals] - self.puck.xy, axis=1)
        if distance.min() > 3.6 or self.held_s < 0.5 or self.rng.random() > TICK_S * 0.9:
            return False
        self._gain(int(rivals[distance.argmin()]))
        return True

    def _gain(self, slot: int) -> None:
        before = self.last_touch
        if before is not None and before != slot:
            if self.puck.receiver == slot:
                people = [self.person(before), self.person(slot)]
                self.ledger.add("pass", TEAMS[self.side(slot)], people, self.puck.xy)
            elif self.side(before) != self.side(slot):
                team = TEAMS[self.side(slot)]
                self.ledger.add("possession_change", team, [self.person(slot)], self.puck.xy)
        self.puck.owner, self.puck.receiver = slot, None
        self.last_touch, self.held_s = slot, 0.0
        self.lane = float(self.rng.uniform(-26, 26))

    def _win_loose_puck(self) -> None:
        if self.puck.free_s < 0.25:
            return
        slots = np.concatenate([self.skater_slots(0), self.skater_slots(1)])
        slots = slots[~self.changes.leaving[slots]]
        distance = np.linalg.norm(self.skaters.xy[slots] - self.puck.xy, axis=1)
        for slot, gap in zip(slots.tolist(), distance.tolist(), strict=True):
            meant = slot == self.puck.receiver
            if gap < (4.2 if meant else 3.0) and (meant or self.rng.random() < TICK_S * 9):
                self._gain(slot)
                return

    def _pass(self, owner: int) -> None:
        side = self.side(owner)
        view = self.views[side]
        mates = [
            s
            for s in self.skater_slots(side).tolist()
            if s != owner and not self.changes.leaving[s]
        ]
        if not mates:
            return
        here = self.skaters.xy[owner]
        rivals = self.skaters.xy[self.skater_slots(1 - side)]
        best, best_worth = None, 0.2
        for mate in mates:
            there = self.skaters.xy[mate]
            u = float(view.to_team(there)[0])
            offside = u > view.blue_ft and self.in_zone != TEAMS[side]
            length = float(np.linalg.norm(there - here))
            if offside or not 10 < length < 75:
                continue
            along = np.clip(((rivals - here) @ (there - here)) / length**2, 0, 1)
            clear = np.linalg.norm(here + along[:, None] * (there - here) - rivals, axis=1).min()
            gain = u - float(view.to_team(here)[0])
            worth = min(float(clear), 9) / 9 + 0.012 * gain + float(self.rng.uniform(0, 0.5))
            if worth > best_worth:
                best, best_worth = mate, worth
        if best is not None:
            self.puck.pass_to(self.skaters, best, float(self.rng.uniform(48, 66)))
