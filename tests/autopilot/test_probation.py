"""A promoted detector: told from luck and from the light, on all cameras together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.adaptation.performance import measure_reading
from jarvis_dagster.hockey.adaptation.probation import Seen, Trial, judge, seen_by_both
from jarvis_dagster.hockey.adaptation.reading import reading
from tests.autopilot.videos import season

if TYPE_CHECKING:
    from jarvis_dagster.hockey.adaptation import Evidence


def of_new(videos: list[Evidence]) -> list[Evidence]:
    return [dataclasses.replace(one, model_version="2.0.0+new") for one in videos]


def read(videos: list[Evidence], unsure: float, crowded: float = 0.0) -> list[Evidence]:
    """With how surely their roles were read."""
    figures = {"unsure": unsure, "crowded": crowded}
    return [dataclasses.replace(one, tracks={**(one.tracks or {}), **figures}) for one in videos]


def watched(*seen: Seen, videos: int = 12) -> Trial:
    return judge(seen, margin=0.02, needed=10.0, videos=videos)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_detector_that_sees_no_worse_is_confirmed_and_a_worse_one_goes(
    rng: np.random.Generator,
) -> None:
    before, reference = season(rng, 8, 6), season(rng, 6)
    # Its scores are other ones, which is no failure.
    good = seen_by_both("north", reference, before, of_new(season(rng, 18, 20, shy=0.2)))
    assert watched(good).action == "confirm"
    assert watched(good, videos=40).action == "watch"
    bad = seen_by_both("north", reference, before, of_new(season(rng, 8, 20, found=0.5, loose=2)))
    taken = watched(bad)
    assert taken.action == "rollback"
    assert taken.cameras["north"]["after"] < taken.cameras["north"]["limit"] <= 0.95
    assert "north" in taken.why


def test_who_reads_roles_is_judged_by_roles(rng: np.random.Generator) -> None:
    before = read(season(rng, 8), 0.1)

    def judged(after: list[Evidence]) -> Trial:
        return watched(seen_by_both("north", (), before, of_new(after), measure_reading))

    # That fewer people are found, or tracks break, is not its doing.
    assert judged(read(season(rng, 18, 20, found=0.5, loose=3), 0.1)).action == "confirm"
    assert judged(read(season(rng, 18, 20), 0.02)).action == "confirm"
    assert judged(read(season(rng, 8, 20), 0.4)).action == "rollback"
    assert judged(read(season(rng, 8, 20), 0.1, crowded=0.5)).action == "rollback"
    nothing = judged(season(rng, 8, 20))  # analysed before it was measured
    assert nothing.action == "gather"


def test_what_is_measured_of_roles() -> None:
    frames = [0, 0, 0, 1, 1, 1]
    boxes = pd.DataFrame({"frame": frames, "class": ["goalkeeper"] * 3 + ["player"] * 2 + ["puck"]})
    tracks = pd.DataFrame(
        {
            "class": ["player", "player", "puck"],
            "observed": [True, False, True],
            "role_score": [0.7, 0.1, 0.0],
        }
    )
    assert reading(tracks, boxes) == {"unsure": 0.3, "crowded": 0.5}
    assert reading(tracks.iloc[:0], boxes.iloc[:0]) == {}


def test_videos_in_other_light_do_not_tell_of_the_detector(rng: np.random.Generator) -> None:
    before = season(rng, 10)
    dark = of_new(season(rng, 8, 20, found=0.5, loose=2, stops=-2.5))
    seen = seen_by_both("north", (), before, dark)
    assert (seen.other_light, seen.after) == (8, ())
    assert watched(seen).action == "gather"


def test_a_camera_that_loses_is_told_where_the_others_win(rng: np.random.Generator) -> None:
    before = season(rng, 8)
    weak = season(rng, 8, found=0.4, loose=2.5)
    north = seen_by_both("north", (), before, of_new(season(rng, 10, 20, found=0.5, loose=2)))
    south = seen_by_both("south", season(rng, 6), weak, of_new(season(rng, 10, 20)))
    made = watched(north, south)
    assert made.action == "warn"
    assert made.worse_on == ("north",)
    assert watched(north).action == "rollback"  # alone, it is all there is


def test_what_cannot_be_compared_is_said(rng: np.random.Generator) -> None:
    new = seen_by_both("north", (), season(rng, 2), of_new(season(rng, 9, 20, found=0.2)))
    made = watched(new)
    assert made.action == "gather"
    assert "2 videos" in made.why
    assert watched().action == "gather"


def test_luck_takes_no_detector_back() -> None:
    """100 detectors as good as the former: the rule promises one in ten at most."""
    rng = np.random.default_rng(3)
    taken = 0
    for _ in range(100):
        figures = np.clip(rng.normal(0.88, 0.06, 26), 0, 1)
        after = tuple((f"{n:02d}", float(value)) for n, value in enumerate(figures[6:]))
        for known in (10, 20):
            seen = Seen("north", tuple(figures[:6].tolist()), after[:known], 0)
            if watched(seen, videos=20).action == "rollback":
                taken += 1
                break
    assert taken <= 5
