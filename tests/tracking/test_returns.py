"""Goalkeepers who leave the picture and come back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.tracking import track, write_mot
from jarvis_dagster.hockey.tracking.files import track_file
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, detections, owners, path, scan


def play(sides=("left", "left"), kinds=("goalkeeper", "goalkeeper"), away=60):
    """A keeper who leaves the picture and one who comes into it, and four skaters."""
    outer = {"left": 30, "right": WIDTH - 30}
    inward = {"left": 5, "right": -5}
    back = 60 + away
    leaves = path(
        range(60),
        (outer[sides[0]] + 59 * inward[sides[0]], 300),
        (-inward[sides[0]], 0),
        ident=0,
    )
    comes = path(range(back, back + 60), (outer[sides[1]], 300), (inward[sides[1]], 0), ident=1)
    skaters = [path(range(back + 60), (400 + 90 * i, 520), (1, 0), ident=2 + i) for i in range(4)]
    return pd.concat(
        [
            detections(leaves, kind=kinds[0], jitter=0.01),
            detections(comes, kind=kinds[1], jitter=0.01),
            detections(pd.concat(skaters, ignore_index=True), jitter=0.01),
        ],
        ignore_index=True,
    )


def together(found, **options):
    """Whether the one who leaves and the one who comes have one track."""
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS, **options)
    return [0, 1] in owners(tracks, found).values()


def test_a_goalkeeper_who_comes_back_is_the_same():
    found = play()
    assert together(found)
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS)
    absent = tracks[tracks["frame"].between(65, 115)]
    assert absent["track_id"].nunique() == 4  # nobody is drawn while out of view
    assert not tracks.duplicated(["frame", "track_id"]).any()


def test_on_the_other_side_is_the_other_goalkeeper():
    assert not together(play(sides=("left", "right")))


def test_a_skater_who_comes_back_is_somebody_new():
    assert not together(play(kinds=("player", "player")))
    assert not together(play(kinds=("goalkeeper", "player")))


def test_a_cut_ends_the_goalkeeper_too():
    found = play()
    assert not together(found, scan=scan(180, cuts=(90,)))


def test_other_colours_are_another_goalkeeper():
    found = play()
    random = np.random.default_rng(0)
    kit = random.normal(0, 1, (len(found), 4)).astype(np.float32)
    assert together(found, kit=kit)
    kit[(found["truth"] == 1).to_numpy()] += 10
    assert not together(found, kit=kit)


def test_a_rare_class_of_which_there_is_one_is_found_in_a_file(tmp_path):
    found = play(kinds=("3", "3")).replace({"class": {"player": "1"}})
    rows = pd.DataFrame({"frame": found["frame"], "id": -1, "x": found["x1_px"]})
    rows["y"], rows["w"] = found["y1_px"], found["x2_px"] - found["x1_px"]
    rows["h"], rows["score"] = found["y2_px"] - found["y1_px"], found["score"]
    rows["class"] = found["class"].astype(int)
    write_mot(rows, tmp_path / "det.txt")
    assert track_file(tmp_path / "det.txt", (WIDTH, HEIGHT), FPS, tmp_path / "a.txt").tracks == 5
    write_mot(rows.assign(**{"class": -1}), tmp_path / "det.txt")
    assert track_file(tmp_path / "det.txt", (WIDTH, HEIGHT), FPS, tmp_path / "b.txt").tracks == 6
