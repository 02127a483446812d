"""Boxes that hold the stick now and then: one person, and a steady place."""

from __future__ import annotations

import numpy as np

from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.tracking.sticks import without_stick
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


def test_who_falls_keeps_his_width():
    seconds = np.arange(90) / 30
    lies = np.clip((seconds - 0.8) / 0.4, 0, 1)
    box = np.stack([300 + 0 * lies, 200 + 0 * lies, 50 + 50 * lies, 110 - 65 * lies], axis=1)
    cut = without_stick(box, np.zeros((90, 2)), seconds)
    assert (cut[:, 2] >= 50).all()
    assert (cut[seconds > 1.3, 2] == 100).all()
    stick = np.where(np.abs(seconds - 1.5) < 0.2, 45, 0)
    upright = np.stack([300 + stick / 2, 200 + 0 * lies, 50 + stick, 110 + 0 * lies], axis=1)
    cut = without_stick(upright, np.zeros((90, 2)), seconds)
    np.testing.assert_allclose(cut, [[300, 200, 50, 110]] * 90)
