"""One person, two chains: the box with the stick and the one without."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.tracking.boxes import Boxes
from jarvis_dagster.hockey.tracking.twins import without_twins
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, detections, owners, path

SIZE = {"width_px": WIDTH, "height_px": HEIGHT, "fps": FPS}
OTHERS = [path(range(90), (300 + 130 * i, 600), (1, 0), ident=2 + i) for i in range(4)]


def boxes(first, second, miss=0.0):
    """Detections of two boxes, each given by its frames and how much wider it is to the left."""
    parts = []
    for ident, (frames, wider) in enumerate((first, second)):
        rows = path(range(90), (300, 300), (4, 0), size=(50 + wider, 110), ident=ident)
        rows["cx"] -= wider / 2
        parts.append(rows[rows["frame"].isin(frames)])
    return detections(pd.concat([*parts, *OTHERS], ignore_index=True), jitter=0.01, miss=miss)


def test_one_box_takes_the_person_over_from_the_other():
    found = boxes((range(50), 45), (range(30, 90), 0))
    tracks = track(found, **SIZE)
    assert sorted(owners(tracks, found).values()) == [[0, 1], [2], [3], [4], [5]]
    person = tracks[tracks["y2_px"] < 400]
    assert sorted(person["frame"]) == list(range(90))


def test_a_box_a_third_beside_takes_over_too():
    upper = path(range(60), (300, 300), (4, 0), size=(50, 90), ident=0)
    lower = path(range(40, 90), (466, 330), (4, 0), size=(60, 90), ident=1)
    found = detections(pd.concat([upper, lower, *OTHERS], ignore_index=True), jitter=0.01)
    tracks = track(found, **SIZE)
    assert sorted(owners(tracks, found).values()) == [[0, 1], [2], [3], [4], [5]]


def test_over_and_over_again():
    found = boxes(([*range(20), *range(35, 60)], 45), ([*range(15, 40), *range(55, 90)], 0))
    person = track(found, **SIZE).query("y2_px < 400")
    assert person["track_id"].nunique() == 1
    assert sorted(person["frame"]) == list(range(90))


def test_who_comes_out_from_behind_another_in_other_colours_is_not_he():
    found = boxes((range(50), 45), (range(30, 90), 0))
    colours = np.random.default_rng(0).normal(0, 1, (len(found), 5)).astype(np.float32)
    colours += 8 * (found["truth"].to_numpy() == 1)[:, None]
    assert {(0,), (1,)} <= {
        tuple(p) for p in owners(track(found, **SIZE, kit=colours), found).values()
    }


def test_colours_that_hardly_differ_are_of_one_person():
    found = boxes((range(50), 45), (range(30, 90), 0))
    colours = np.random.default_rng(0).normal(0, 0.1, (len(found), 5)).astype(np.float32)
    colours += 0.9 * (found["truth"].to_numpy() == 1)[:, None]
    person = track(found, **SIZE, kit=colours).query("y2_px < 400")
    assert person["track_id"].nunique() == 1


def test_who_comes_out_from_behind_somebody_is_seen_whole_at_once():
    upper = path(range(40), (300, 250), (1, 0), size=(50, 55), ident=0)
    whole = path(range(42, 90), (342, 277), (1, 0), size=(50, 110), ident=1)
    found = detections(pd.concat([upper, whole, *OTHERS], ignore_index=True), jitter=0.01)
    person = track(found, **SIZE).query("y2_px < 400")
    assert person["track_id"].nunique() == 1
    assert sorted(person["frame"]) == list(range(90))


def test_two_who_part_again_stay_two():
    near = path(range(90), (300, 300), (4, 0), ident=0)
    beside = path(range(90), (310, 302), (4, 0), ident=1)
    beside["cy"] += np.maximum(np.abs(np.arange(90) - 45) - 15, 0) * 4
    found = detections(pd.concat([near, beside, *OTHERS], ignore_index=True), jitter=0.01)
    tracks = track(found, **SIZE)
    assert tracks["track_id"].nunique() == 6
    assert tracks.groupby("track_id")["frame"].nunique().min() > 80


def test_a_box_that_is_mostly_part_of_a_person_is_no_other():
    whole = path(range(90), (300, 300), (4, 0), ident=0)
    part = path(range(40, 60), (460, 330), (4, 0), size=(40, 50), ident=1)
    part["cx"] += np.clip(np.arange(20) - 14, 0, 6) * 8  # in the end beside him
    found = detections(pd.concat([whole, part, *OTHERS], ignore_index=True), jitter=0.01)
    found.loc[found["truth"] == 1, "score"] = np.float32(0.95)  # surer, so no single box gives way
    tracks = track(found, **SIZE)
    assert tracks["track_id"].nunique() == 5
    assert [0] in owners(tracks, found).values()


def test_who_lies_on_another_three_times_in_five_is_he():
    whole, part = np.arange(20), np.arange(8, 13)
    beside = np.array([10.0, 30.0, 30.0, 10.0, 10.0])
    frame = np.concatenate([whole, part])
    box = np.tile([200.0, 200.0, 50.0, 100.0], (25, 1))
    box[20:, 0] += beside
    boxes = Boxes(frame, box, np.ones(25), np.zeros(25, int), np.arange(25))
    kept = without_twins(boxes, [np.arange(20), np.arange(20, 25)])
    assert [chain.tolist() for chain in kept] == [list(range(20))]
    box[23, 0] += 20
    assert len(without_twins(boxes, [np.arange(20), np.arange(20, 25)])) == 2
