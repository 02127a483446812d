"""The tracker on skaters whose identity is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.tracking import track
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, crowd, detections, owners, path, scan


def follow(found, **options):
    return track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS, **options)


def assert_one_track_each(tracks, found):
    people = found["truth"].nunique()
    assert sorted(owners(tracks, found).values()) == [[person] for person in range(people)]


def test_schema_and_one_row_a_frame():
    found = detections(crowd(range(90)), miss=0.1)
    tracks = follow(found)
    assert list(tracks.columns) == [*tables.TRACKS, "detection_row"]
    assert {name: str(tracks[name].dtype) for name in ("frame", "track_id", "observed")} == {
        "frame": "int32",
        "track_id": "int32",
        "observed": "bool",
    }
    assert not tracks.duplicated(["frame", "track_id"]).any()
    assert_one_track_each(tracks, found)
    assert (tracks["observed"] == (tracks["detection_row"] >= 0)).all()
    for _, rows in tracks.groupby("track_id"):
        assert (np.diff(rows["frame"]) == 1).all()
    assert set(tracks["role"]) == {"unknown"}
    assert set(tracks["team"]) == {""}


def test_smooth_boxes_are_nearer_the_truth_than_the_detections():
    people = crowd(range(120))
    found = detections(people, jitter=0.05)
    tracks = follow(found)
    seen = tracks[tracks["observed"]]
    rows = seen["detection_row"].to_numpy()
    centre = people[["cx", "cy"]].to_numpy()[rows]

    def error(table):
        middle = (table[["x1_px", "y1_px"]].to_numpy() + table[["x2_px", "y2_px"]].to_numpy()) / 2
        return np.abs(middle - centre).mean()

    assert error(seen) < 0.6 * error(found.iloc[rows])


def test_crossing_players_keep_their_identity():
    frames = range(120)
    people = pd.concat(
        [
            path(frames, (300, 350), (5, 0.4), ident=0),
            path(frames, (900, 380), (-5, 0.2), ident=1),
        ],
        ignore_index=True,
    )
    # Around the crossing the one behind is not seen.
    behind = (people["truth"] == 0) & people["frame"].between(55, 66)
    found = detections(people[~behind], jitter=0.04)
    assert_one_track_each(follow(found), found)


def test_who_is_stopped_by_the_boards_keeps_his_identity():
    people = pd.concat(
        [
            path(range(40), (200, 300), (14, 0)),
            path(range(40, 90), (740, 300), (-12, 4)),
            *(path(range(90), (200 + 150 * i, 600), (1, 0), ident=i + 1) for i in range(5)),
        ]
    )
    found = detections(people.sort_values("frame", kind="stable"), jitter=0.015, miss=0.1)
    assert_one_track_each(follow(found), found)


def test_a_gap_of_half_a_second_is_filled_where_the_person_was():
    people = path(range(100), (300, 300), (4, 1))
    found = detections(people[~people["frame"].between(40, 54)], jitter=0.02)
    tracks = follow(found)
    assert tracks["track_id"].nunique() == 1
    gap = tracks[tracks["frame"].between(40, 54)]
    assert not gap["observed"].any()
    middle = (gap["x1_px"] + gap["x2_px"]).to_numpy() / 2
    expected = people.loc[people["frame"].between(40, 54), "cx"].to_numpy()
    assert np.abs(middle - expected).max() < 12


def test_no_identity_across_a_cut():
    people = crowd(range(100), 4)
    found = detections(people)
    tracks = follow(found, scan=scan(100, cuts=[50]))
    assert tracks["track_id"].nunique() == 8
    for _, rows in tracks.groupby("track_id"):
        assert rows["frame"].max() < 50 or rows["frame"].min() >= 50
    assert follow(found, scan=scan(100))["track_id"].nunique() == 4


@pytest.mark.parametrize("stride", [2, 3])
def test_detections_at_every_nth_frame_are_filled(stride):
    people = crowd(range(0, 120, stride), 5)
    found = detections(people, miss=0.05)
    tracks = follow(found)
    assert_one_track_each(tracks, found)
    assert (tracks["frame"] % stride == 0).mean() == pytest.approx(1 / stride, abs=0.02)
    assert tracks.loc[tracks["observed"], "frame"].mod(stride).eq(0).all()


@pytest.mark.parametrize("known", [True, False])
def test_a_fast_pan_that_starts_and_stops(known):
    people = crowd(range(120), 6, seed=3)
    pan = np.zeros(120)
    pan[30:50] = 24 * np.sin(np.linspace(0, np.pi, 20)) ** 2
    pan[70:90] = -pan[30:50]
    moved = people.assign(cx=people["cx"] + np.cumsum(pan)[people["frame"]])
    found = detections(moved, jitter=0.03, miss=0.05)
    motion = scan(120)
    motion["dx_px"] = pan.astype("float32")
    tracks = follow(found, scan=motion if known else None)
    assert_one_track_each(tracks, found)


def test_who_leaves_and_comes_back_later_is_not_guessed():
    first = path(range(60), (400, 300), (-6, 0))
    second = path(range(150, 210), (40, 420), (6, 0))
    other = path(range(210), (900, 500), (0.5, 0), ident=1)
    found = detections(pd.concat([first, second, other], ignore_index=True))
    tracks = follow(found)
    assert tracks["track_id"].nunique() == 3
    alone = tracks[tracks["frame"].between(65, 145)]
    assert alone["track_id"].nunique() == 1


def test_short_false_boxes_and_double_boxes_do_not_become_tracks():
    people = crowd(range(90), 4)
    found = detections(people)
    random = np.random.default_rng(1)
    flash = pd.DataFrame(
        {"frame": np.arange(0, 90, 3), "truth": -1, "w": 40.0, "h": 90.0}
        | {"cx": random.uniform(50, 1200, 30), "cy": random.uniform(50, 650, 30)}
    )
    double = found.assign(score=np.float32(0.5), truth=-1)
    whole = pd.concat([found, detections(flash, score=0.6), double], ignore_index=True)
    tracks = follow(whole)
    assert tracks["track_id"].nunique() == 4


@pytest.mark.parametrize(
    ("frames", "score", "tracks"), [(15, 0.57, 4), (60, 0.57, 5), (15, 0.8, 5)]
)
def test_who_is_there_for_less_than_a_second_needs_a_better_score(frames, score, tracks):
    people = detections(crowd(range(90), 4))
    brief = detections(path(range(20, 20 + frames), (900, 60), (1, 0), ident=9), score=score)
    assert follow(pd.concat([people, brief]))["track_id"].nunique() == tracks


def test_class_is_the_commonest_of_the_track():
    found = detections(path(range(60), (300, 300), (3, 0)), kind="goalkeeper")
    found.loc[found.index[:15], "class"] = "player"
    assert set(follow(found)["class"]) == {"goalkeeper"}


def test_one_puck_apart_from_the_people():
    people = crowd(range(90), 4)
    puck = path(range(90), (200, 360), (9, 0), size=(9, 7), ident=4)
    false = path(range(40, 60), (100, 100), (0, 0), size=(9, 7), ident=5)
    found = pd.concat(
        [
            detections(people),
            detections(puck, kind="puck", miss=0.2, jitter=0.1, score=0.7),
            detections(false, kind="puck", score=0.3),
        ],
        ignore_index=True,
    )
    tracks = follow(found)
    pucks = tracks[tracks["class"] == "puck"]
    assert pucks["track_id"].nunique() == 1
    assert not pucks.duplicated("frame").any()
    assert owners(pucks, found)[int(pucks["track_id"].iloc[0])] == [4]
    assert tracks.loc[tracks["class"] == "player", "track_id"].nunique() == 4


def test_colours_decide_where_motion_cannot():
    frames = np.arange(100)
    people = pd.concat(
        [path(frames, (500, 350), (0, 0), ident=0), path(frames, (545, 350), (0, 0), ident=1)],
        ignore_index=True,
    )
    # Both vanish for 16 frames and come back in each other's place.
    after = people["frame"] >= 60
    people.loc[after & (people["truth"] == 0), "cx"] = 532
    people.loc[after & (people["truth"] == 1), "cx"] = 513
    found = detections(people[~people["frame"].between(44, 59)], jitter=0.02)
    tone = np.where(found["truth"] == 0, 0.2, 0.8)
    random = np.random.default_rng(0)
    kit = (tone[:, None] + random.normal(0, 0.05, (len(found), 3))).astype("float32")
    assert set(map(tuple, owners(follow(found), found).values())) == {(0, 1)}
    assert_one_track_each(follow(found, kit=kit), found)
    kit[::7] = np.nan
    assert_one_track_each(follow(found, kit=kit), found)


def test_order_of_rows_does_not_matter_and_runs_repeat():
    found = detections(crowd(range(60)), miss=0.1)
    shuffled = found.sample(frac=1, random_state=4)
    first = follow(found)
    pd.testing.assert_frame_equal(first, follow(found))
    other = follow(shuffled)
    pd.testing.assert_frame_equal(
        first.drop(columns="detection_row"), other.drop(columns="detection_row")
    )


def test_frame_count_and_timestamps():
    found = detections(crowd(range(60), 3))
    found["pts_s"] = found["frame"] / FPS + 5
    tracks = follow(found, frame_count=40)
    assert tracks["frame"].max() == 39
    assert np.allclose(tracks["pts_s"], tracks["frame"] / FPS + 5)


def test_times_are_those_of_the_frames_where_they_are_not_evenly_apart():
    # A phone that held one frame for a second, looked at every third frame.
    known = scan(60)
    known["pts_s"] = np.cumsum(np.where(np.arange(60) == 20, 1.0, 1 / FPS))
    found = detections(crowd(range(0, 60, 3), 3))
    found["pts_s"] = known["pts_s"].to_numpy()[found["frame"]]
    tracks = follow(found, frame_count=60, scan=known)
    assert (tracks["frame"] % 3 > 0).any()
    assert np.allclose(tracks["pts_s"], known["pts_s"].to_numpy()[tracks["frame"]])


def test_who_is_there_at_the_last_look_is_there_to_the_end():
    people = crowd(range(60), 3)
    found = detections(people[people["frame"] % 4 == 1], jitter=0.001)
    tracks = follow(found, frame_count=60, scan=scan(60, cuts=[31]))
    # The first frames of a video are looked at; here the look at frame 1 is the first.
    frames = tracks.groupby("frame")["track_id"].nunique()
    assert frames.to_dict() == dict.fromkeys(range(1, 60), 3)
    assert (
        tracks.loc[tracks["frame"] >= 31, "track_id"].min()
        > tracks.loc[tracks["frame"] < 31, "track_id"].max()
    )
    truth = people.set_index(["frame", "truth"])["cx"].unstack().to_numpy()[[30, 31, 59]]
    seen = tracks[tracks["frame"].isin([30, 31, 59])].sort_values(["frame", "y1_px"])
    centres = ((seen["x1_px"] + seen["x2_px"]) / 2).to_numpy().reshape(3, 3)
    assert np.allclose(centres, truth, atol=2)
    assert np.allclose(tracks["pts_s"], tracks["frame"] / FPS)


def test_who_left_before_the_last_look_is_not_there_at_the_end():
    found = detections(crowd(range(0, 61, 4), 3), jitter=0.001)
    gone = (found["truth"] == 0) & (found["frame"] > 40)
    tracks = follow(found[~gone].reset_index(drop=True), frame_count=63)
    assert sorted(tracks.groupby("track_id")["frame"].max()) == [40, 62, 62]


def test_nothing_and_hostile_rows():
    nothing = follow(tables.empty(tables.DETECTIONS))
    assert nothing.empty
    assert list(nothing.columns) == [*tables.TRACKS, "detection_row"]
    found = detections(crowd(range(60), 3))
    bad = found.iloc[:4].copy()
    bad.loc[bad.index[0], "x1_px"] = np.nan
    bad.loc[bad.index[1], ["x1_px", "x2_px"]] = [50, 20]
    bad.loc[bad.index[2], "x2_px"] = np.inf
    bad.loc[bad.index[3], ["x1_px", "x2_px"]] = [9000, 9050]
    tracks = follow(pd.concat([bad, found], ignore_index=True))
    assert tracks["track_id"].nunique() == 3
    assert np.isfinite(tracks[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy()).all()
    assert (tracks.loc[tracks["observed"], "detection_row"] >= 4).all()


def test_one_frame_only_believes_its_boxes():
    found = detections(crowd([7], 5))
    tracks = follow(found)
    assert len(tracks) == 5
    assert set(tracks["frame"]) == {7}


def test_unusable_arguments_are_named():
    found = detections(crowd(range(5), 2))
    with pytest.raises(BadInputError, match="frames a second"):
        track(found, width_px=10, height_px=10, fps=0)
    with pytest.raises(BadInputError, match="3 rows of kit colours for 10 detections"):
        follow(found, kit=np.zeros((3, 2), dtype="float32"))
