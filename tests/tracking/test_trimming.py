"""Ends of chains that more misses than detections make up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.tracking.boxes import Boxes
from jarvis_dagster.hockey.tracking.trimming import trim
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, detections, path


def chain_at(frames, scores=1.0):
    count = len(frames)
    boxes = Boxes(
        frame=np.array(frames, dtype=np.int64),
        box=np.tile([100.0, 100.0, 40.0, 80.0], (count, 1)),
        score=np.full(count, scores),
        label=np.zeros(count, dtype=np.int64),
        row=np.arange(count),
    )
    return boxes, [np.arange(count)]


def kept_frames(frames, ticks, scores=1.0):
    boxes, chains = chain_at(frames, scores)
    (chain,) = trim(boxes, np.asarray(ticks), chains)
    return boxes.frame[chain].tolist()


def test_a_lone_detection_far_before_the_others_goes():
    assert kept_frames([0, *range(10, 30)], range(40)) == list(range(10, 30))


def test_a_lone_detection_far_behind_the_others_goes():
    assert kept_frames([*range(20), 30], range(40)) == list(range(20))


def test_a_gap_between_many_detections_stays():
    frames = [*range(10), *range(20, 30)]
    assert kept_frames(frames, range(30)) == frames


def test_frames_that_nobody_looked_at_are_no_misses():
    frames = [0, *range(10, 30, 10), 30]
    assert kept_frames(frames, range(0, 40, 10)) == frames


def test_weak_detectors_lose_nothing():
    frames = [0, 1, 3, 4, 6, 7]
    assert kept_frames(frames, range(8), scores=0.1) == frames
    assert kept_frames(frames, range(8), scores=0.0) == frames


def test_a_false_box_in_front_of_an_entering_skater_begins_no_track():
    skater = path(range(30, 90), (120, 300), (6, 0), ident=0)
    false = path(range(22, 23), (70, 300), (0, 0), ident=1)
    others = [path(range(90), (500 + 90 * i, 500), (1, 0), ident=2 + i) for i in range(4)]
    found = detections(pd.concat([skater, false, *others], ignore_index=True), jitter=0.01)
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS)
    entering = tracks[tracks["y2_px"] < 400]
    assert entering["track_id"].nunique() == 1
    assert entering["frame"].min() == 30
