"""One pass over a video sees what each of them sees alone, and its files hand it out once."""

import json

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.adaptation import Parameters
from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.rink.video import calibrate_video
from jarvis_dagster.hockey.scoreboard import read_scoreboard
from jarvis_dagster.hockey.sweep import sweep
from jarvis_dagster.hockey.sweep_files import Waiting
from jarvis_dagster.hockey.synthetic import GameSpec, render_game

ADAPTED = Parameters(gain=1.2)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    spec = GameSpec(seed=5, duration_s=3.0, width_px=640, height_px=360, fps=10)
    return render_game(tmp_path_factory.mktemp("game"), spec).video


@pytest.fixture(scope="module")
def seen(video):
    return sweep(video, load_detector(threads=1), stride=2, threads=1, correct=ADAPTED.correction)


def test_together_they_see_what_each_sees_alone(video, seen):
    detector = load_detector(threads=1)
    boxes, kit = detect_video(video, detector, stride=2, correct=ADAPTED.correction)
    pd.testing.assert_frame_equal(seen.detections, boxes)
    pd.testing.assert_frame_equal(seen.kit, kit)
    assert seen.detector == detector.version
    assert len(boxes) > 50

    scan = scan_video(video)
    assert list(seen.scan.columns) == list(scan.columns)
    assert seen.scan["is_cut"].tolist() == scan["is_cut"].tolist()
    # Alone it leaves out a filter of the decoder.
    moved = (seen.scan[["dx_px", "dy_px"]] - scan[["dx_px", "dy_px"]]).abs()
    assert moved.to_numpy().mean() < 0.3

    pd.testing.assert_frame_equal(seen.board.table, read_scoreboard(video, threads=1).table)

    together = calibrate_video(video, scan, threads=1, rink="NHL", seen=seen.marks)
    alone = calibrate_video(video, scan, threads=1, rink="NHL")
    assert len(together.fits) > 5
    assert together.valid_share == pytest.approx(alone.valid_share, abs=0.15)
    unknown = calibrate_video(
        video, scan, threads=1, rink="NHL", seen=type(seen.marks)("another", {})
    )
    assert len(unknown.fits) == len(alone.fits)


def test_each_part_waits_once(seen, tmp_path):
    waiting = Waiting(tmp_path / "waiting")
    assert waiting.people(seen.detector, None) is None
    assert waiting.marks() is None
    assert waiting.board() is None

    waiting.put(seen, "because", ADAPTED.id)
    assert waiting.people("another detector", None, ADAPTED.id) is None
    assert waiting.people(seen.detector, 1, ADAPTED.id) is None
    assert waiting.people(seen.detector, 2) is None
    people = waiting.people(seen.detector, 2, ADAPTED.id)
    assert people is not None
    assert (people.stride, people.reason) == (2, "because")
    pd.testing.assert_frame_equal(people.detections, seen.detections)
    pd.testing.assert_frame_equal(people.kit, seen.kit)
    assert waiting.people(seen.detector, 2, ADAPTED.id) is None

    board = waiting.board()
    assert board is not None
    assert board.support == json.loads(json.dumps(seen.board.support))
    assert board.version == seen.board.version
    pd.testing.assert_frame_equal(board.table, seen.board.table)
    assert waiting.board() is None

    marks = waiting.marks()
    assert marks is not None
    assert marks.version == seen.marks.version
    assert list(marks.evidence) == list(seen.marks.evidence)
    for frame, one in seen.marks.evidence.items():
        there = marks.evidence[frame]
        assert np.array_equal(there.heat, one.heat)
        assert np.array_equal(there.points_px, one.points_px)
        assert np.array_equal(there.kinds, one.kinds)
        assert (there.size_px, there.cell_px) == (one.size_px, one.cell_px)
    assert list((tmp_path / "waiting").iterdir()) == []
