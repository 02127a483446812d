"""Scoreboards of several styles over a moving picture, found and read."""

from pathlib import Path

import numpy as np
import pytest

from jarvis_dagster.hockey.scoreboard import read_scoreboard
from jarvis_dagster.hockey.scoreboard.layout import Field, _cut, _pair
from jarvis_dagster.hockey.scoreboard.places import Place
from jarvis_dagster.hockey.scoreboard.reading import soon_after
from jarvis_dagster.hockey.synthetic.overlay import STYLES, Scoreboard
from jarvis_dagster.hockey.synthetic.people import make_kits
from jarvis_dagster.hockey.tables import SCOREBOARD
from tests.media import pan, write_video

SECONDS = 11
SIZE = (854, 480)


def shown(second: int) -> tuple[list[int], float]:
    """Goals and clock at a second of the video: the clock stands from 5 to 8, then a goal."""
    clock = 604.0 - min(second, 5) - max(0, second - 8)
    return ([0, 2] if second < 7 else [1, 2]), clock


def film(path: Path, style: str, fps: int = 2, seconds: int = SECONDS) -> Path:
    board = Scoreboard(make_kits(np.random.default_rng(3)), SIZE[1], style)
    frames = pan(seconds * fps, SIZE, step=(24.0, 3.0))
    for number, frame in enumerate(frames):
        board.draw(frame, *shown(number // fps))
    return write_video(path, frames, fps=fps)


@pytest.mark.parametrize("style", STYLES)
def test_what_the_scoreboard_showed_is_read(style, tmp_path):
    found = read_scoreboard(film(tmp_path / "game.mp4", style), threads=1)
    assert found.layout is not None
    assert list(found.table.columns) == list(SCOREBOARD)
    truth = [shown(int(row.pts_s + 1e-6)) for row in found.table.itertuples()]
    assert len(truth) == SECONDS
    assert found.table["clock_s"].tolist() == [clock for _, clock in truth]
    assert set(found.table["period"]) == {1}
    assert found.table["score_left"].tolist() == [goals[0] for goals, _ in truth]
    assert found.table["score_right"].tolist() == [goals[1] for goals, _ in truth]
    assert found.table["confidence"].min() > 0.5
    assert found.picture is not None
    assert all(found.layout.names)
    assert found.support["supported"] is True
    # The goals did not change at most looks, and the clock stood at some.
    assert found.read < 3 * len(truth)


def test_a_short_clip_is_read(tmp_path):
    found = read_scoreboard(film(tmp_path / "clip.mp4", STYLES[0], seconds=2), threads=1)
    assert found.table["clock_s"].tolist() == [604.0, 603.0]
    assert found.table["score_right"].tolist() == [2, 2]
    assert set(found.table["period"]) == {1}


def test_without_a_scoreboard_nothing_is_supported(tmp_path):
    video = write_video(tmp_path / "rink.mp4", pan(10, (640, 360)), fps=2)
    seen = []
    found = read_scoreboard(video, threads=1, progress=lambda *done: seen.append(done))
    assert found.layout is None
    assert found.picture is None
    assert len(found.table) == 0
    assert list(found.table.columns) == list(SCOREBOARD)
    assert found.support["supported"] is False
    assert "No scoreboard" in found.support["reason"]


def test_a_score_ends_where_the_next_field_begins():
    period, clock = Field(322, 42, 371, 65, "1ST"), Field(377, 41, 444, 66, "14:39")
    below = Field(300, 70, 340, 90, "2")
    score = Field(284, 42, 340, 63, "1")
    assert _cut(score, [clock, period, below]) == Field(284, 42, 322, 63, "1")
    assert _cut(Field(440, 42, 480, 63, "1"), [clock]) == Field(444, 42, 480, 63, "1")
    assert _cut(score, [clock]) == score


def test_a_bar_between_two_names_is_no_score():
    def place(box: tuple[float, float, float, float], text: str, score: float = 0.95) -> Place:
        return Place(dict.fromkeys(range(4), box), dict.fromkeys(range(4), (text, score)))

    clock = place((280, 33, 332, 47), "16:58")
    royals, nought = place((34, 32, 93, 47), "ROYALS"), place((108, 32, 118, 46), "0")
    bar = place((130, 29, 139, 47), "I")
    comets, other = place((145, 32, 206, 47), "COMETS"), place((218, 32, 230, 46), "0")
    # What is read across fields, too: the other name with its score and the period.
    line, part = place((143, 29, 299, 48), "COMETS 0 1ST"), place((186, 32, 230, 46), "TS 0")
    everything = [royals, nought, bar, comets, other, line, part]
    assert _pair([nought, bar, other, part], everything, clock) == (nought, other)


def test_where_key_frames_are_few_what_comes_soon_after_them_is_searched() -> None:
    looks = list(range(0, 600, 30))
    assert soon_after(looks, [0, 250, 500], 8) == [0, 30, 60, 270, 300, 330, 510, 540]
    assert soon_after(looks, [0, 250, 500], 2) == [0, 270]


@pytest.mark.parametrize("keys", [[], [0], [0, 30]])
def test_all_of_a_long_group_may_be_searched(keys: list[int]) -> None:
    looks = list(range(0, 600, 30))
    assert soon_after(looks, keys, 8) == looks
    assert soon_after(looks[:5], keys, 8) == looks[:5]
