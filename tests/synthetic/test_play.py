"""The course of the game, without pictures."""

import itertools
import json

import numpy as np
import pytest

from jarvis_dagster.hockey.synthetic import GameSpec
from jarvis_dagster.hockey.synthetic.play import TICK_S, Game
from jarvis_dagster.hockey.synthetic.skating import MAX_ACCELERATION_FTPS2, MAX_SPEED_FTPS
from jarvis_dagster.hockey.tables import EVENTS


def played(seconds, **options):
    game = Game(GameSpec(duration_s=seconds, **options))
    states = []
    for _ in range(round(seconds / TICK_S)):
        game.step()
        ids = [game.person(slot).track_id for slot in range(16)]
        states.append((ids, game.skaters.xy.copy(), game.puck.xy.copy(), game.puck.owner))
    return game, states


@pytest.fixture(scope="module")
def long_game():
    """A minute of play with everything in it."""
    return played(60.0, seed=3)


@pytest.mark.parametrize("rink", ["NHL", "IIHF"])
def test_bodies_obey_the_limits(rink):
    game, states = played(40.0, seed=11, rink=rink)
    ids = np.array([state[0] for state in states])
    xy = np.array([state[1] for state in states])
    velocity = np.diff(xy, axis=0) / TICK_S
    same = ids[1:] == ids[:-1]
    assert np.linalg.norm(velocity, axis=2)[same].max() <= MAX_SPEED_FTPS
    acceleration = np.linalg.norm(np.diff(velocity, axis=0), axis=2) / TICK_S
    assert acceleration[same[1:] & same[:-1]].max() <= MAX_ACCELERATION_FTPS2
    assert np.linalg.norm(velocity, axis=2)[same].max() > 20
    assert game.rink.signed_distance_ft(xy).max() < -0.8


def test_nobody_skates_through_a_goal(long_game):
    game, states = long_game
    rink = game.rink
    xy = np.array([state[1] for state in states])
    keepers = np.isin(np.arange(16), (5, 11))
    for x in rink.goal_lines_ft:
        back = x + (rink.goal_depth_ft / 2 if x > 100 else -rink.goal_depth_ft / 2)
        gap = np.linalg.norm(xy[:, ~keepers] - (back, rink.width_ft / 2), axis=2)
        assert np.quantile(gap.min(axis=1), 0.005) > 2.5


def test_people_do_not_stand_in_each_other(long_game):
    _, states = long_game
    xy = np.array([state[1] for state in states])
    gap = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=3)
    gap[:, np.arange(16), np.arange(16)] = 99
    assert np.quantile(gap.min(axis=(1, 2)), 0.01) > 0.5


def test_the_game_has_its_events(long_game):
    game, _ = long_game
    kinds = {row["type"] for row in game.ledger.rows}
    wanted = {"face_off", "pass", "zone_entry", "shot", "save", "line_change", "shift"}
    assert wanted <= kinds


def test_goals_are_scored_and_followed_by_a_centre_face_off():
    game, _ = played(24.0, seed=7)  # the game that stands in when no video is named
    rows = game.ledger.rows
    goals = [i for i, row in enumerate(rows) if row["type"] == "goal"]
    assert sum(game.score) == len(goals) == 1
    after = [row for row in rows[goals[0] :] if row["type"] == "face_off"]
    shot = [row for row in rows[: goals[0]] if row["type"] == "shot"][-1]
    assert shot["team"] == rows[goals[0]]["team"]
    assert json.loads(shot["evidence"])["outcome"] == "goal"
    assert rows[goals[0] + 1]["type"] == "stoppage"
    assert json.loads(after[0]["evidence"])["x_ft"] == 100
    assert after[0]["start_s"] > rows[goals[0]]["start_s"] + 3


def test_the_clock_runs_in_play_only():
    game = Game(GameSpec(seed=3))
    for _ in range(round(40 / TICK_S)):
        phase, clock = game.phase, game.clock_s
        game.step()
        assert game.clock_s == clock or phase == "play"
    assert game.clock_s < 20 * 60


def test_relief_plays_the_same_position_for_the_same_team(long_game):
    game, states = long_game
    changes = 0
    people = {person.track_id: person for person in game.people}
    for before, after in itertools.pairwise(states):
        for old, new in zip(before[0], after[0], strict=True):
            if old != new:
                changes += 1
                assert people[old].team == people[new].team
                assert people[old].position == people[new].position
    assert changes > 3
    shifts = [row for row in game.ledger.rows if row["type"] == "shift"]
    assert len(shifts) == changes


def test_nobody_is_on_the_ice_twice(long_game):
    _, states = long_game
    assert all(len(set(ids)) == 16 for ids, *_ in states)


def test_a_carried_puck_is_at_the_carriers_stick(long_game):
    _, states = long_game
    gaps = [np.linalg.norm(xy[owner] - puck) for _, xy, puck, owner in states if owner is not None]
    assert len(gaps) > 500
    assert np.quantile(gaps, 0.95) < 6


def test_numbers_are_unique_in_a_team():
    game = Game(GameSpec(seed=5))
    for team in ("A", "B"):
        numbers = [person.number for person in game.people if person.team == team]
        assert len(set(numbers)) == len(numbers) == 19
    assert len({person.track_id for person in game.people}) == len(game.people)


def test_one_seed_one_game_whatever_the_frame_rate():
    first, _ = played(12.0, seed=2, fps=30.0)
    again, _ = played(12.0, seed=2, fps=25.0)
    other, _ = played(12.0, seed=4)
    assert first.ledger.rows == again.ledger.rows
    assert first.ledger.rows != other.ledger.rows


def test_the_ledger_stops_at_the_end_of_the_video(long_game):
    game, _ = long_game
    table = game.ledger.table(20.0)
    assert list(table.columns) == list(EVENTS)
    assert 0 < len(table) < len(game.ledger.rows)
    assert table["end_s"].max() <= 20.0
    assert table["start_s"].is_monotonic_increasing
    assert len(game.ledger.table(0.0)) == 0
