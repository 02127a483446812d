"""What must hold for any detections whatever."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.hockey.tracking import NOISE_LEVELS, simulate_detections, track
from jarvis_dagster.hockey.tracking.boxes import overlap
from jarvis_dagster.hockey.tracking.smoothing import spline
from tests.tracking.skaters import crowd

WIDTH, HEIGHT = 640, 360
number = st.one_of(st.floats(-100, 800, width=32), st.just(float("nan")))
boxes = st.lists(
    st.tuples(
        st.integers(0, 12),
        number,
        number,
        number,
        number,
        st.sampled_from(["player", "goalkeeper", "puck"]),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(boxes, st.sampled_from([1, 3]), st.sampled_from([15.0, 60.0]))
def test_any_boxes_give_sound_tracks(rows, stride, fps):
    table = pd.DataFrame(rows, columns=["frame", "x1_px", "y1_px", "x2_px", "y2_px", "class"])
    table["frame"] = (table["frame"] * stride).astype("int32")
    table["pts_s"] = table["frame"] / fps
    table["score"] = np.float32(0.8)
    tracks = track(table, width_px=WIDTH, height_px=HEIGHT, fps=fps)
    assert not tracks.duplicated(["frame", "track_id"]).any()
    assert (tracks["x1_px"] >= 0).all()
    assert (tracks["x2_px"] <= WIDTH).all()
    assert (tracks["y1_px"] >= 0).all()
    assert (tracks["y2_px"] <= HEIGHT).all()
    assert (tracks["x2_px"] > tracks["x1_px"]).all()
    assert (tracks["y2_px"] > tracks["y1_px"]).all()
    used = tracks.loc[tracks["observed"], "detection_row"]
    assert used.is_unique
    assert (tracks.loc[~tracks["observed"], "detection_row"] == -1).all()
    if len(used):
        frames = table["frame"].to_numpy()[used.to_numpy()]
        assert (frames == tracks.loc[tracks["observed"], "frame"].to_numpy()).all()
        for _, track_rows in tracks.groupby("track_id"):
            assert track_rows["class"].nunique() == 1
            assert track_rows["observed"].iloc[[0, -1]].all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(NOISE_LEVELS)))
def test_simulated_detections_repeat_and_stay_inside(seed, level):
    people = crowd(range(30), 4)
    truth = people.assign(id=people["truth"], x=people["cx"] - 20, y=people["cy"] - 40)
    options = {"fps": 30, "width_px": 1000, "height_px": 600, "seed": seed}
    first = simulate_detections(truth, NOISE_LEVELS[level], **options)
    pd.testing.assert_frame_equal(first, simulate_detections(truth, NOISE_LEVELS[level], **options))
    assert (first[["x", "y"]] >= 0).all(axis=None)
    assert (first["x"] + first["w"] <= 1000 + 1e-6).all()
    assert (first["y"] + first["h"] <= 600 + 1e-6).all()
    assert first["score"].between(0, 1).all()
    assert (first["truth"] >= 0).sum() <= len(truth)


def test_worse_noise_misses_and_invents_more():
    people = crowd(range(200), 6)
    truth = people.assign(id=people["truth"], x=people["cx"] - 20, y=people["cy"] - 40)
    seen, false = [], []
    for level in ("white-light", "white", "white-heavy"):
        made = simulate_detections(
            truth, NOISE_LEVELS[level], fps=30, width_px=1280, height_px=720, seed=0
        )
        seen.append((made["truth"] >= 0).sum())
        false.append((made["truth"] < 0).sum())
    assert seen[0] > seen[1] > seen[2]
    assert false[0] < false[1] < false[2]


@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50), st.floats(-5, 5), st.integers(4, 80), st.floats(0.1, 20))
def test_spline_keeps_straight_lines_and_bridges_gaps(start, slope, count, time):
    line = start + slope * np.arange(count)
    weight = np.ones(count)
    weight[2 : count - 2] = 0
    smooth = spline(weight, (line * weight)[:, None], time)[:, 0]
    assert np.allclose(smooth, line, atol=1e-2 * (1 + np.abs(line).max()))


def test_overlap_of_boxes():
    box = np.array([[10.0, 10, 10, 20], [15, 10, 10, 20], [100, 10, 4, 4]])
    shared = overlap(box, box)
    assert np.allclose(np.diag(shared), 1)
    assert np.isclose(shared[0, 1], 1 / 3)
    assert shared[0, 2] == 0
