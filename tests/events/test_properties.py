"""Whatever the tables hold, the ledger obeys every rule that blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jarvis_dagster.hockey.events import build_ledger, keep_possible
from jarvis_dagster.hockey.events.integrity import broken, rules_about
from jarvis_dagster.hockey.events.plausible import sound_tracks
from jarvis_dagster.hockey.highlights import select_highlights
from jarvis_dagster.hockey.tables import POSITIONS, SCOREBOARD, TRACKS
from tests.events.tables import PROVENANCE, recorded, scanned, video

FPS = 10.0
quick = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking whole games takes minutes
)


@st.composite
def tables(draw, *, wild: bool):
    """Tracks, positions, scan and scoreboard of people who are anywhere at any time.

    ``wild`` tables also break every rule of form: rows twice, roles that there are not,
    referees of a team, tracks across cuts, places that are no number, clocks at random.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = draw(st.integers(30, 200))
    people = draw(st.integers(0, 24))
    cuts = draw(st.lists(st.integers(1, frames - 1), max_size=3)) if wild else []
    scan = scanned(frames, cuts=cuts)
    scan["pts_s"] = scan["frame"] / FPS
    parts, spots = [], []
    for track in range(1, people + 1):
        start = int(rng.integers(0, frames // 2)) if rng.random() < 0.7 else 0
        stop = int(rng.integers(start + 1, frames + 1)) if rng.random() < 0.7 else frames
        frame = np.arange(start, stop)
        pace = rng.choice([0.1, 5.0, 25.0, 200.0 if wild else 30.0])
        steps = rng.normal(0, pace / FPS, (len(frame), 2))
        place = np.clip(rng.uniform([5, 5], [195, 80]) + np.cumsum(steps, axis=0), 1, [199, 84])
        role = rng.choice(["player", "player", "player", "goalkeeper", "referee"])
        team = "" if role == "referee" else str(rng.choice(["A", "A", "B", ""]))
        parts.append(_rows(frame, track, place, str(role), team))
        speed = np.r_[0, np.hypot(*np.diff(place, axis=0).T)] * FPS
        spots.append(_places(frame, track, place, speed))
    if draw(st.booleans()):
        frame = np.arange(frames)
        place = np.clip(np.cumsum(rng.normal(0, 4, (frames, 2)), axis=0) + 60, 1, [199, 84])
        parts.append(_rows(frame, 99, place, "unknown", "", "puck"))
        spots.append(_places(frame, 99, place, np.full(frames, 80.0)))
    tracks = pd.concat(parts, ignore_index=True) if parts else _rows(*_nobody())
    where = pd.concat(spots, ignore_index=True) if spots else _places(*_nobody()[:3], np.zeros(0))
    board = _board(rng, frames, wild)
    if wild and len(tracks):
        tracks, where = _spoilt(rng, tracks), _spoilt_places(rng, where)
    return tracks.astype(TRACKS), where.astype(POSITIONS), scan, board


def _nobody():
    return np.zeros(0, int), 1, np.zeros((0, 2)), "player", "A"


def _rows(frame, track, place, role, team, said=""):
    x, y = 6.4 * place[:, 0], 200 + 5.0 * place[:, 1]
    return pd.DataFrame(
        {
            "frame": frame,
            "pts_s": frame / FPS,
            "x1_px": x - 20,
            "y1_px": y - 90,
            "x2_px": x + 20,
            "y2_px": y,
            "score": 0.8,
            "class": said or role,
            "track_id": track,
            "observed": True,
            "role": role,
            "role_score": 0.9,
            "team": team,
            "team_score": 0.9,
        }
    )


def _places(frame, track, place, speed):
    return pd.DataFrame(
        {
            "frame": frame,
            "pts_s": frame / FPS,
            "track_id": track,
            "x_ft": place[:, 0],
            "y_ft": place[:, 1],
            "speed_ftps": speed,
            "valid": True,
            "error_ft": 1.0,
        }
    )


def _board(rng, frames, wild):
    frame = np.arange(0, frames, int(rng.integers(3, 12)))
    clock = np.ceil(600 - np.maximum(0, frame / FPS - rng.uniform(0, 10)))
    table = pd.DataFrame(
        {
            "frame": frame,
            "pts_s": frame / FPS,
            "clock_s": clock,
            "period": 2,
            "score_left": (frame > frames * 0.6).astype(int),
            "score_right": 3,
            "confidence": 0.9,
        }
    )
    if wild:
        wrong = rng.random((4, len(frame))) < 0.3
        table.loc[wrong[0], "clock_s"] = rng.uniform(-5, 4000, wrong[0].sum())
        table.loc[wrong[1], "period"] = rng.integers(0, 6, wrong[1].sum())
        table.loc[wrong[2], "score_left"] = rng.integers(-1, 9, wrong[2].sum())
        table.loc[wrong[3], "confidence"] = rng.random(wrong[3].sum())
    return table.astype(SCOREBOARD)


def _spoilt(rng, tracks):
    tracks = tracks.copy()
    pick = rng.random((5, len(tracks))) < 0.03
    tracks.loc[pick[0], "role"] = "mascot"
    tracks.loc[pick[1], "team"] = "C"
    tracks.loc[pick[2], "role"] = "referee"
    tracks.loc[pick[3], "track_id"] = int(tracks["track_id"].iloc[0])
    return pd.concat([tracks, tracks[pick[4]]], ignore_index=True)


def _spoilt_places(rng, places):
    places = places.copy()
    pick = rng.random((5, len(places))) < 0.05
    places.loc[pick[0], "x_ft"] = np.nan
    places.loc[pick[1], "y_ft"] = rng.choice([np.inf, -50.0, 500.0])
    places.loc[pick[2], "speed_ftps"] = 1e4
    places.loc[pick[3], "valid"] = False
    return pd.concat([places, places[pick[4]]], ignore_index=True)


def _blocking(record, table):
    names = {rule.name for rule in rules_about(table) if rule.blocking}
    return {name: said for name, said in broken(record, table).items() if name in names}


@pytest.mark.parametrize("wild", [False, True])
def test_every_ledger_obeys_the_rules(wild):
    @quick
    @given(tables(wild=wild), st.booleans(), st.booleans())
    def check(given_tables, with_places, with_board):
        tracks, places, scan, board = given_tables
        info = video(Path("game.mp4"), len(scan) / FPS, FPS)
        ledger = build_ledger(
            tracks,
            places if with_places else None,
            scan,
            info,
            PROVENANCE,
            scoreboard=board if with_board else None,
        )
        sound, _ = sound_tracks(tracks, scan)
        clips = select_highlights(ledger, info)
        record = recorded(scan, fps=FPS, tracks=sound, events=ledger, highlights=clips)
        assert _blocking(record, "events") == {}
        assert _blocking(record, "highlights") == {}
        assert not set(ledger["type"]) & set(ledger.attrs["not_supported"])

    check()


@quick
@given(tables(wild=True))
def test_positions_and_tracks_can_be_made_to_obey_the_rules(given_tables):
    tracks, places, scan, _ = given_tables
    sound, counted = sound_tracks(tracks, scan)
    possible, struck = keep_possible(places, sound, FPS)
    record = recorded(scan, fps=FPS, tracks=sound, positions=possible)
    assert _blocking(record, "positions") == {}
    assert _blocking(record, "tracks") == {}
    # Once is enough, and what is sound stays as it is.
    again, nothing = keep_possible(possible, sound, FPS)
    pd.testing.assert_frame_equal(again, possible)
    assert nothing == {}
    assert sound_tracks(sound, scan)[1] == {}
    assert sum(counted.values()) >= len(tracks) - len(sound)
    assert int(places["valid"].sum()) - int(possible["valid"].sum()) <= sum(struck.values())


@quick
@given(tables(wild=False))
def test_sound_tables_lose_no_row_of_form(given_tables):
    tracks, _, scan, _ = given_tables
    sound, counted = sound_tracks(tracks, scan)
    assert counted == {}
    pd.testing.assert_frame_equal(sound, tracks)
