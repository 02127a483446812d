"""Shots at the goal and what comes of them.

Belongs here: aim, outcome, goal and save. Does not belong here: when somebody
shoots (``play``), or how the puck flies (``puck``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.people import TEAMS
from jarvis_dagster.hockey.synthetic.puck import Shot

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.play import Game

__all__ = ["follow_shot", "shoot"]


def shoot(game: Game, owner: int) -> None:
    """``owner`` shoots; what will come of it is drawn now."""
    side = game.side(owner)
    view = game.views[side]
    odds = (0.22, 0.28, 0.30, 0.20)
    outcome = ("goal", "held", "rebound", "wide")[int(game.rng.choice(4, p=odds))]
    aim = float(game.rng.uniform(-2.4, 2.4))
    if outcome == "wide":
        aim = float(game.rng.choice([-1, 1])) * float(game.rng.uniform(4.2, 7.0))
    target = view.to_rink(np.array([view.goal_ft, aim]))
    speed = float(game.rng.uniform(85, 120))
    game.puck.shoot(Shot(owner, side, outcome, target), speed)
    people = [game.person(owner)]
    game.ledger.add("shot", TEAMS[side], people, game.puck.xy, outcome=outcome)


def follow_shot(game: Game, shot: Shot) -> None:
    """Let ``shot`` end in a goal, a save or beside the goal when it gets there."""
    view = game.views[shot.side]
    u = float(view.to_team(game.puck.xy)[0])
    keeper = 6 * (1 - shot.side) + 5
    front = float(view.to_team(game.skaters.xy[keeper])[0]) - 1.5
    team, rival = TEAMS[shot.side], TEAMS[1 - shot.side]
    if shot.outcome == "goal" and u >= view.goal_ft + 1.0:
        game.score[shot.side] += 1
        game.scorer = shot.shooter
        game.ledger.add("goal", team, [game.person(shot.shooter)], game.puck.xy)
        game.whistle("goal", team, np.array(game.rink.centre_ft), 3.6)
    elif shot.outcome in ("held", "rebound") and u >= front:
        game.ledger.add("save", rival, [game.person(keeper)], game.puck.xy, hold=shot.outcome)
        if shot.outcome == "held":
            dots = np.array(game.rink.end_dots_ft)
            near = np.linalg.norm(dots - game.puck.xy, axis=1).argmin()
            game.scorer = None
            game.whistle("goalkeeper holds the puck", rival, dots[near], 1.6)
        else:
            game.puck.rebound(view.direction, game.rng)
            game.last_touch = keeper
    elif game.puck.free_s > 1.1 or u > view.goal_ft + 6:
        game.puck.shot = None
        game.last_touch = shot.shooter
