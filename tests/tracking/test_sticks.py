"""Boxes that hold the stick now and then: one person, and a steady place."""

from __future__ import annotations

import numpy as np

from jarvis_dagster.hockey.tracking import track
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, crowd, detections, owners, scan


def _with_sticks(people, *, seed=1):
    """Detections of ``people``, of whom each holds his stick out now and then."""
    found = detections(people, jitter=0.02, seed=seed)
    random = np.random.default_rng(seed)
    frames = int(found["frame"].max()) + 1
    for person, rows in found.groupby("truth"):
        held = np.repeat(random.random(frames // 12 + 1) < 0.5, 12)[rows["frame"]]
        edge, side = ("x2_px", 1) if person % 2 else ("x1_px", -1)
        found.loc[rows.index[held], edge] += np.float32(side * 36)
    return found


def test_a_stick_that_comes_and_goes_ends_no_track():
    people = crowd(range(150))
    found = _with_sticks(people)
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS, scan=scan(150))
    assert sorted(owners(tracks, found).values()) == [[person] for person in range(6)]


def test_the_place_is_that_of_the_body():
    people = crowd(range(150))
    found = _with_sticks(people)
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS, scan=scan(150))
    seen = tracks[tracks["observed"]]
    rows = seen["detection_row"].to_numpy()
    true = people["cx"].to_numpy()[rows]

    def away(table):
        return float(np.abs((table["x1_px"] + table["x2_px"]).to_numpy() / 2 - true).mean())

    assert away(seen) < 0.4 * away(found.iloc[rows])
