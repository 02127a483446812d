"""Where everybody is to go now, given the state of play.

Belongs here: choosing between formations, chasing, carrying, celebrating. Does
not belong here: the formations themselves (``tactics``) or the state of play.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.synthetic import tactics
from jarvis_dagster.hockey.synthetic.people import SLOTS, TEAMS

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.play import Game

__all__ = ["where_to"]

Array = NDArray[np.float64]


def where_to(game: Game) -> tuple[Array, Array]:
    """Targets (16, 2) in rink feet and top speeds (16,) in ft/s, by slot."""
    targets = np.zeros((SLOTS, 2))
    pace = np.full(SLOTS, 24.0)
    puck = game.puck.xy
    for side, view in enumerate(game.views):
        slots = game.skater_slots(side)
        if game.phase != "play":
            targets[slots] = tactics.face_off(view, game.dot)
            pace[slots] = 21.0
        else:
            targets[slots] = _team_targets(game, side, view)
        targets[6 * side + 5] = tactics.goalkeeper(view, puck)
        pace[6 * side + 5] = 9.0
    targets[12:] = tactics.officials(game.rink, puck, game.drift[12:])
    pace[12:] = 18.0
    if game.phase == "face-off":
        away = 1 if game.dot[1] < game.rink.centre_ft[1] else -1
        targets[14] = game.dot + np.array((0.0, 3.4 * away))
    elif game.phase == "stopped" and game.scorer is not None:
        _celebrate(game, targets, pace)
    elif game.phase == "stopped":
        pace[: SLOTS - 4] *= 0.4
    if game.phase == "play":
        _chase(game, targets, pace)
    return targets, pace


def _team_targets(game: Game, side: int, view: tactics.TeamView) -> Array:
    slots = game.skater_slots(side)
    holder = game.puck.owner if game.puck.owner is not None else game.last_touch
    drift = game.drift[slots]
    if holder is not None and game.side(holder) == side:
        onside = game.in_zone == TEAMS[side]
        carrier = holder - 6 * side
        return tactics.attack(view, game.puck.xy, carrier, drift, onside)
    rivals = game.skaters.xy[game.skater_slots(1 - side)]
    return tactics.defend(view, game.puck.xy, rivals, drift)


def _chase(game: Game, targets: Array, pace: Array) -> None:
    """The carrier goes for the goal; one rival presses; both teams hunt a loose puck."""
    owner = game.puck.owner
    lead = game.puck.xy + game.puck.velocity * 0.45
    for side in (0, 1):
        slots = game.skater_slots(side)
        free = slots[~game.changes.leaving[slots]]
        if owner is not None and game.side(owner) == side:
            targets[owner] = _carry(game, owner)
            pace[owner] = 27.0
        elif len(free) and game.puck.shot is None:
            gaps = np.linalg.norm(game.skaters.xy[free] - lead, axis=1)
            hunter = int(free[gaps.argmin()])
            targets[hunter], pace[hunter] = lead, 28.0
    if game.puck.receiver is not None and owner is None:
        targets[game.puck.receiver], pace[game.puck.receiver] = lead, 27.0


def _carry(game: Game, owner: int) -> Array:
    view = game.views[game.side(owner)]
    u, w = view.to_team(game.puck.xy)
    if u > view.goal_ft - 14:
        aim = np.array([view.goal_ft - 24, -np.sign(w) * 10])
    elif u > view.blue_ft:
        aim = np.array([view.goal_ft - 10, game.lane * 0.4])
    else:
        aim = np.array([u + 30, game.lane])
    rivals = view.to_team(game.skaters.xy[game.skater_slots(1 - game.side(owner))])
    ahead = rivals[(rivals[:, 0] > u) & (rivals[:, 0] < u + 16) & (abs(rivals[:, 1] - w) < 9)]
    if len(ahead):
        aim[1] += 14 * np.sign(w - ahead[0, 1] or 1.0)
    return view.to_rink(aim)


def _celebrate(game: Game, targets: Array, pace: Array) -> None:
    scorer = game.scorer
    if scorer is None:
        return
    side = game.side(scorer)
    corner = game.views[side].to_rink(np.array([game.views[side].goal_ft - 16, 26.0]))
    for i, slot in enumerate(game.skater_slots(side).tolist()):
        angle = i * 1.3
        targets[slot] = corner + 3.2 * np.array([np.cos(angle), np.sin(angle)])
        pace[slot] = 19.0
    pace[game.skater_slots(1 - side)] = 8.0
