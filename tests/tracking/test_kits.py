"""Colours and parts of people: what keeps two boxes or two people apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.tracking.boxes import clean, from_table
from jarvis_dagster.hockey.tracking.kits import in_own_units
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, crowd, detections, owners, path


def meeting(turn=30):
    """Two skaters who meet, unseen for a moment, and turn back; and four others."""
    frames = np.array([i for i in range(2 * turn) if abs(i - turn) > 3])
    parts = []
    for ident, sign in ((0, -1), (1, 1)):
        rows = path(frames, (560, 200), (0, 0), ident=ident)
        rows["cx"] = 560 + sign * 4 * np.abs(frames - turn)
        parts.append(rows)
    others = [path(range(2 * turn), (300 + 100 * i, 560), (2, 0), ident=2 + i) for i in range(4)]
    return detections(pd.concat([*parts, *others], ignore_index=True), jitter=0.04)


def shirts(found, apart, seed=0):
    """Colours of two teams: even and odd people."""
    team = (found["truth"].to_numpy() % 2)[:, None]
    noise = np.random.default_rng(seed).normal(0, 1, (len(found), 5))
    return (noise + apart * team).astype(np.float32)


def test_colours_tell_that_two_who_met_turned_back():
    found = meeting()
    size = {"width_px": WIDTH, "height_px": HEIGHT, "fps": FPS}
    wearing = track(found, **size, kit=shirts(found, 6.0))
    pure = [people for people in owners(wearing, found).values() if set(people) & {0, 1}]
    assert sorted(pure) == [[0], [1]]
    # Without colours they seem to pass each other: the test would prove nothing otherwise.
    plain = owners(track(found, **size), found)
    assert [0, 1] in plain.values()


def test_unknown_colours_change_nothing():
    found = detections(crowd(range(60)), miss=0.1)
    size = {"width_px": WIDTH, "height_px": HEIGHT, "fps": FPS}
    unknown = np.full((len(found), 5), np.nan, np.float32)
    pd.testing.assert_frame_equal(track(found, **size), track(found, **size, kit=unknown))


def test_units_are_the_spread_within_a_person():
    random = np.random.default_rng(0)
    mean = random.normal(0, 50, (8, 1, 3))
    kit = (mean + random.normal(0, [1.0, 10.0, 0.0], (8, 100, 3))).reshape(-1, 3)
    pieces = [np.arange(100 * i, 100 * i + 100) for i in range(8)]
    scaled = in_own_units(kit, pieces)
    assert scaled is not None
    assert scaled.shape == (800, 2)  # what does not vary tells nothing of how far is far
    within = np.sqrt(np.mean([scaled[piece].var(axis=0) for piece in pieces], axis=0))
    assert within == pytest.approx([1, 1], abs=0.05)
    assert in_own_units(kit, pieces[:1] and [pieces[0][:5]]) is None


def cleaned(*rows):
    """Scores that remain of rows (x1, y1, x2, y2, score, class)."""
    names = ["x1_px", "y1_px", "x2_px", "y2_px", "score", "class"]
    table = pd.DataFrame(rows, columns=names).assign(frame=0)
    labels = sorted(table["class"].unique())
    puck = labels.index("puck") if "puck" in labels else -2
    return sorted(clean(from_table(table, labels), WIDTH, HEIGHT, puck=puck).score.tolist())


def test_a_part_of_a_person_goes():
    person, head = (100, 100, 200, 300, 0.8, "player"), (120, 100, 170, 160, 0.5, "player")
    assert cleaned(person, head) == [0.8]


def test_a_surer_box_inside_a_larger_one_stays():
    both, person = (100, 100, 250, 300, 0.4, "player"), (120, 100, 190, 290, 0.9, "player")
    assert cleaned(both, person) == [0.4, 0.9]


def test_two_who_overlap_stay():
    assert cleaned((100, 100, 200, 300, 0.8, "player"), (150, 110, 240, 300, 0.5, "player")) == [
        0.5,
        0.8,
    ]


def test_a_puck_in_front_of_a_person_stays():
    assert cleaned((100, 100, 200, 300, 0.8, "player"), (140, 250, 150, 260, 0.3, "puck")) == [
        0.3,
        0.8,
    ]
