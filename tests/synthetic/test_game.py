"""The files of a rendered game."""

import json

import numpy as np
import pytest

from jarvis_dagster.hockey.rink import Calibration, apply_homography, positions
from jarvis_dagster.hockey.synthetic import GameSpec, render_game, write_sample
from jarvis_dagster.hockey.tables import (
    DETECTIONS,
    EVENTS,
    POSITIONS,
    TRACKS,
    read_provenance,
    read_table,
)
from jarvis_dagster.hockey.video import probe, read_frames


def test_the_video_is_what_the_spec_says(game):
    info = probe(game.video)
    assert (info.width_px, info.height_px) == (640, 360)
    assert info.frame_count == game.spec.frame_count == 120
    assert info.fps == pytest.approx(30)


def test_tables_have_their_schemas_and_cover_every_frame(game):
    read_table(game.detections, DETECTIONS)
    read_table(game.positions, POSITIONS)
    read_table(game.events, EVENTS)
    tracks = read_table(game.tracks, TRACKS)
    assert set(tracks["frame"]) == set(range(120))
    assert not tracks.duplicated(["frame", "track_id"]).any()
    assert tracks.groupby("track_id")[["role", "team", "number"]].nunique().max().max() == 1
    assert tracks["visibility"].between(0, 1).all()
    assert read_provenance(game.tracks).model_version == "synthetic-truth"


def test_the_puck_is_a_detection_but_not_a_person(game):
    detections = read_table(game.detections, DETECTIONS)
    puck = detections[detections["class"] == "puck"]
    assert (puck["track_id"] == 0).all()
    assert 20 < len(puck) <= 120
    assert set(read_table(game.tracks)["class"]) <= {"player", "goalkeeper", "referee"}


def test_the_calibration_file_gives_the_true_positions(game):
    calibration = Calibration.load(game.calibration)
    tracks, truth = read_table(game.tracks, TRACKS), read_table(game.positions, POSITIONS)
    found = positions(tracks, calibration, game.spec.fps)
    assert (found["track_id"] == truth["track_id"]).all()
    on_air = tracks["shot"] != 1
    inside = (tracks["y2_px"] < 358) & (tracks["visibility"] > 0.9) & on_air
    assert found["valid"][inside].mean() > 0.99
    assert not found["valid"][~on_air].any()
    gap = np.hypot(found["x_ft"] - truth["x_ft"], found["y_ft"] - truth["y_ft"])[inside]
    assert gap.median() < 1.0
    assert gap.quantile(0.95) < 2.5
    off = (found["speed_ftps"] - truth["speed_ftps"]).abs()[inside]
    assert off.median() < 1.5


def test_key_frames_follow_the_true_homography(game):
    calibration = Calibration.load(game.calibration)
    matrices = read_table(game.homographies)
    checked = 0
    for row in matrices.itertuples():
        found = calibration.homography_at(row.frame)
        if found is None:
            continue
        true = np.array(row[2:]).reshape(3, 3)
        probe_px = np.array([(100.0, 300.0), (540.0, 300.0), (320.0, 200.0)])
        miss = apply_homography(found, probe_px) - apply_homography(true, probe_px)
        assert np.linalg.norm(miss, axis=1).max() < 0.1
        checked += 1
    assert checked > 60


def test_cuts_and_summary_tell_the_same(game):
    summary = json.loads(game.summary.read_text())
    cuts = read_table(game.cuts)
    assert summary["cuts"] == cuts["frame"].tolist()
    assert len(cuts) == 2
    assert summary["files"]["video"] == "game.mp4"
    assert summary["frame_count"] == 120
    assert "face_off" in summary["events"]


def test_a_box_in_the_video_holds_the_person(game):
    """After compression the body still differs from the ice beside it."""
    tracks = read_table(game.tracks, TRACKS)
    frame = next(read_frames(game.video, start=30, stop=31))
    rows = tracks[(tracks["frame"] == 30) & (tracks["team"] == "A") & (tracks["visibility"] > 0.98)]
    assert len(rows) > 1
    for row in rows.itertuples():
        x = int((row.x1_px + row.x2_px) / 2)
        y1, y2 = int(row.y1_px), int(row.y2_px)
        column = frame.image[y1:y2, max(0, x - 3) : x + 4].mean(axis=(1, 2))
        assert column.min() < 150


def test_progress_counts_up_to_the_end(tmp_path):
    calls = []
    spec = GameSpec(duration_s=0.4, width_px=320, height_px=180, camera="fixed")
    truth = render_game(tmp_path / "new" / "folder", spec, lambda *call: calls.append(call))
    assert calls == [(i + 1, 12) for i in range(12)]
    assert Calibration.load(truth.calibration).homography is not None


def test_the_sample_is_a_broadcast_in_full_size(tmp_path):
    video = write_sample(tmp_path, seconds=0.2)
    info = probe(video)
    assert (info.width_px, info.height_px) == (1280, 720)
    assert (tmp_path / "truth.json").is_file()
