"""What readings of the scoreboard say, however wrong some of them are."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.events import build_ledger, not_supported
from jarvis_dagster.hockey.events.integrity import broken
from jarvis_dagster.hockey.events.scoreboard import read_game
from jarvis_dagster.hockey.tables import SCOREBOARD, TRACKS, empty
from tests.events.tables import FPS, PROVENANCE, recorded, scanned, video

SECONDS = 90


def board(clock, left=0, right=0, period=1, *, every_s=1.0, confidence=0.9):
    """One reading a second of a clock given by second of the video."""
    seconds = np.arange(0, SECONDS, every_s)
    return pd.DataFrame(
        {
            "frame": np.round(seconds * FPS),
            "pts_s": seconds,
            "clock_s": [np.ceil(clock(s)) for s in seconds],
            "period": period,
            "score_left": left(seconds) if callable(left) else left,
            "score_right": right(seconds) if callable(right) else right,
            "confidence": confidence,
        }
    ).astype(SCOREBOARD)


def running(s):
    return 700.0 - s


def stopping(s):
    """Stands from second 30 to 50."""
    return 700.0 - min(s, 30.0) - max(0.0, s - 50.0)


def ledger(scoreboard, tmp_path):
    scan = scanned(round(SECONDS * FPS))
    info = video(tmp_path / "game.mp4", SECONDS)
    events = build_ledger(empty(TRACKS), None, scan, info, PROVENANCE, scoreboard=scoreboard)
    record = recorded(scan, tracks=empty(TRACKS), events=events)
    assert broken(record, "events") == {}
    return events


def only(events, kind):
    rows = events[events["type"] == kind]
    return [
        (row.start_s, row.end_s, json.loads(row.evidence)["measures"]) for row in rows.itertuples()
    ]


def test_a_standing_clock_is_a_stoppage_and_a_running_one_is_none(tmp_path):
    ((start, end, measures),) = only(ledger(board(stopping), tmp_path), "stoppage")
    assert start == pytest.approx(30, abs=1.1)
    assert end == pytest.approx(50, abs=1.6)
    assert measures["found_from"] == "clock"
    assert measures["clock_s"] == 670
    assert only(ledger(board(running), tmp_path), "stoppage") == []


def test_a_clock_that_runs_up_is_read_as_well(tmp_path):
    up = board(lambda s: 700 - stopping(s))
    assert read_game(up).direction == 1
    assert len(only(ledger(up, tmp_path), "stoppage")) == 1


def test_a_goal_is_when_the_clock_stopped_before_the_score_rose(tmp_path):
    events = ledger(board(stopping, left=2, right=lambda s: (s >= 41) * 1 + 3), tmp_path)
    ((start, end, measures),) = only(events, "goal")
    assert start <= 30 <= end
    assert end - start < 4
    assert (measures["side"], measures["score"], measures["goals"]) == ("right", "2:4", 1)
    assert measures["shown_s"] == 41
    assert measures["period"] == 1


def test_without_a_stop_the_time_of_a_goal_is_less_sure(tmp_path):
    stopped = ledger(board(stopping, left=lambda s: s >= 41), tmp_path)
    running_on = ledger(board(running, left=lambda s: s >= 41), tmp_path)
    ((start, end, _),) = only(running_on, "goal")
    assert start <= 30
    assert end >= 41
    sure = [e.loc[e["type"] == "goal", "confidence"].item() for e in (stopped, running_on)]
    assert sure[0] > sure[1] + 0.2


def test_a_score_that_does_not_stay_risen_is_no_goal(tmp_path):
    flicker = board(stopping, left=lambda s: np.isin(s, (41, 42)) * 5)
    assert only(ledger(flicker, tmp_path), "goal") == []
    called_back = board(stopping, left=lambda s: (s >= 41) & (s < 55))
    assert only(ledger(called_back, tmp_path), "goal") == []


def test_a_clock_that_was_misread_neither_stops_nor_jumps(tmp_path):
    wrong = board(running, left=1)
    rng = np.random.default_rng(5)
    lines = rng.choice(len(wrong), 25, replace=False)
    wrong.loc[lines, "clock_s"] = rng.uniform(0, 1200, 25).astype("float32")
    wrong.loc[lines[:10], "period"] = 4
    game = read_game(wrong)
    assert game.dropped["clock_s"] >= 20
    assert game.dropped["period"] == 10
    assert (np.diff(game.clock[:, 2]) <= 0).all()
    assert only(ledger(wrong, tmp_path), "stoppage") == []
    ((_, _, measures),) = only(ledger(wrong, tmp_path), "period")
    assert measures["period"] == 1


def test_periods_follow_each_other(tmp_path):
    def clock(s):
        return 40 - s if s < 40 else 1200.0 if s < 60 else 1260 - s

    scoreboard = board(clock)
    scoreboard["period"] = (1 + (scoreboard["pts_s"] >= 60)).astype("int8")
    periods = [m["period"] for _, _, m in only(ledger(scoreboard, tmp_path), "period")]
    assert periods == [1, 2]
    unread = read_game(scoreboard.assign(period=np.int8(0)))
    assert unread.clock[0, 2] == 40
    assert unread.clock[-1, 2] > 1100


def test_events_say_what_the_clock_showed(tmp_path):
    events = ledger(board(stopping), tmp_path)
    said = json.loads(events.loc[events["type"] == "stoppage", "evidence"].item())
    assert said["game"] == {"clock_s": 670.0, "period": 1}


def test_nothing_is_made_of_a_board_that_was_not_read(tmp_path):
    unread = board(lambda _: np.nan, left=-1, right=-1, period=0)
    assert read_game(unread) is None
    assert read_game(board(running, confidence=0.1)) is None
    missing = not_supported(empty(TRACKS), None, scoreboard=unread)
    assert "scoreboard" in missing["goal"]
    assert "scoreboard" in missing["period"]
    assert {"goal", "period"}.isdisjoint(
        not_supported(empty(TRACKS), None, scoreboard=board(running))
    )
