"""Positions and speeds against a skater whose path is known."""

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.rink import Calibration, positions
from jarvis_dagster.hockey.synthetic.camera import Camera
from jarvis_dagster.hockey.tables import (
    POSITIONS,
    TRACKS,
    Provenance,
    empty,
    read_table,
    write_table,
)

FPS = 30.0
LENS = Camera(np.array([100.0, -70.0, 52.0]), np.array([100.0, 42.0, 0.0]), 1200.0, (1280, 720))


def tracks_of(paths):
    """Tracks whose boxes stand on ``paths``: id to (N, 2) rink feet, NaN rows left out."""
    rows = []
    for track_id, path in paths.items():
        for frame, (x, y) in enumerate(path):
            if np.isnan(x):
                continue
            foot = LENS.project((x, y, 0.0))[0]
            box = {"x1_px": foot[0] - 20, "x2_px": foot[0] + 20}
            box |= {"y1_px": foot[1] - 80, "y2_px": foot[1]}
            row = {"frame": frame, "pts_s": frame / FPS, "track_id": track_id, **box}
            rows.append(row)
    rest = {name: "" if kind == "str" else 0 for name, kind in TRACKS.items() if name not in row}
    return pd.DataFrame(rows).assign(**rest).astype(TRACKS)


def calibration(**options):
    return Calibration("NHL", LENS.size_px, homography=LENS.image_to_ice, **options)


def straight(speed, seconds=2.0, start=(80.0, 30.0)):
    time = np.arange(int(seconds * FPS)) / FPS
    return np.array(start) + np.outer(time * speed, (0.6, 0.8))


def test_a_straight_path_gives_its_places_and_its_speed():
    path = straight(20.0)
    table = positions(tracks_of({4: path}), calibration(), FPS)
    assert list(table.columns) == list(POSITIONS)
    assert table["valid"].all()
    assert np.allclose(table[["x_ft", "y_ft"]], path, atol=0.02)
    assert np.allclose(table["speed_ftps"], 20.0, atol=0.1)


def test_trembling_boxes_do_not_become_speed():
    rng = np.random.default_rng(1)
    still = np.tile((100.0, 40.0), (90, 1)) + rng.normal(0, 0.15, (90, 2))
    table = positions(tracks_of({1: still}), calibration(), FPS)
    assert table["speed_ftps"].median() < 1.0


def test_rows_keep_their_order_and_tracks_do_not_mix():
    tracks = tracks_of({1: straight(10.0), 2: straight(25.0, start=(90.0, 20.0))})
    mixed = tracks.sample(frac=1.0, random_state=5)
    table = positions(mixed, calibration(), FPS)
    assert (table["track_id"].to_numpy() == mixed["track_id"].to_numpy()).all()
    assert (table["frame"].to_numpy() == mixed["frame"].to_numpy()).all()
    speeds = table.groupby("track_id")["speed_ftps"].median()
    assert speeds.to_dict() == pytest.approx({1: 10.0, 2: 25.0}, abs=0.1)


def test_people_beyond_the_boards_are_not_valid():
    path = np.array([(100.0, 84.0), (100.0, 87.0), (100.0, 89.0), (-1.0, 1.0)])
    table = positions(tracks_of({1: path}), calibration(), FPS)
    assert table["valid"].tolist() == [True, True, False, False]
    assert np.isnan(table["speed_ftps"].to_numpy()[2:]).all()


def test_no_position_holds_where_no_calibration_does():
    table = positions(tracks_of({1: straight(15.0)}), calibration(valid_frames=((10, 29),)), FPS)
    assert table["frame"][table["valid"]].tolist() == list(range(10, 30))
    assert table["x_ft"][~table["valid"]].isna().all()


def test_a_long_gap_is_not_a_sprint():
    path = np.concatenate([straight(5.0, 1.0), np.full((60, 2), np.nan)])
    path = np.concatenate([path, straight(5.0, 1.0, start=(120.0, 50.0))])
    table = positions(tracks_of({1: path}), calibration(), FPS)
    assert table["speed_ftps"].max() < 6


def test_nothing_gives_nothing():
    table = positions(empty(TRACKS), calibration(), FPS)
    assert len(table) == 0
    assert list(table.columns) == list(POSITIONS)


def test_every_position_says_how_far_off_it_may_be():
    sure = positions(tracks_of({1: straight(10.0)}), calibration(error_px={0: 1.0}), FPS)
    unsure = positions(tracks_of({1: straight(10.0)}), calibration(error_px={0: 8.0}), FPS)
    assert (sure["error_ft"] > 0).all()
    assert (unsure["error_ft"] > 2 * sure["error_ft"]).all()
    assert sure["valid"].all()


def test_a_position_that_may_be_anywhere_is_not_valid():
    table = positions(tracks_of({1: straight(10.0)}), calibration(error_px={0: 400.0}), FPS)
    assert not table["valid"].any()
    assert table["speed_ftps"].isna().all()


def test_a_table_without_errors_is_still_read(tmp_path):
    old = positions(tracks_of({1: straight(10.0)}), calibration(), FPS).drop(columns="error_ft")
    schema = {name: kind for name, kind in POSITIONS.items() if name != "error_ft"}
    write_table(old, schema, tmp_path / "old.parquet", Provenance("a", "b", "c"))
    read = read_table(tmp_path / "old.parquet", POSITIONS)
    assert read["error_ft"].isna().all()
    assert read["error_ft"].dtype == np.float32
