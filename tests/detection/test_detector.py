"""The packaged detector on a rendered game, and the tables and files made of it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from jarvis_dagster.commands.detect import detect
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.detection import choose_stride, detect_video, load_detector
from jarvis_dagster.hockey.detection.evaluation import match
from jarvis_dagster.hockey.roles import KIT_COLUMNS
from jarvis_dagster.hockey.synthetic import FrameTruth, GameSpec, iter_frames
from jarvis_dagster.hockey.video import VideoWriter
from tests.cli.test_cli import jarvis

Scene = list[tuple[NDArray[np.uint8], FrameTruth]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    spec = GameSpec(seed=11, duration_s=2, fps=2, width_px=1280, height_px=720)
    return [(image.copy(), truth) for image, truth in iter_frames(spec)]


def test_most_of_the_rendered_people_are_found_and_little_else(scene: Scene) -> None:
    detector = load_detector(threads=1)
    people = boxes = hits = 0
    for image, truth in scene:
        seen = np.float32([p.box for p in truth.people if p.visibility > 0.5])
        found = detector.detect([image])[0]
        hits += len(match(seen, found.xyxy, found.score))
        people, boxes = people + len(seen), boxes + len(found)
    assert hits >= 0.6 * people
    assert hits >= 0.7 * boxes


def test_answers_are_boxes_of_the_picture_best_first(scene: Scene) -> None:
    image = scene[0][0]
    found = load_detector(threads=1).detect([image])[0]
    height, width = image.shape[:2]
    assert len(found)
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [width, height, width, height]).all()
    assert (np.diff(found.score) <= 0).all()
    np.testing.assert_allclose(found.role_share.sum(1), 1, atol=1e-5)
    assert (found.class_index == found.role_share.argmax(1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (32, 32), (50, 33)])
def test_any_picture_gets_an_answer(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 128, np.uint8)
    assert len(load_detector(threads=1).detect([image])) == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"not a model")
    with pytest.raises(BadInputError, match="not an ONNX model"):
        load_detector(other)
    with pytest.raises(BadInputError, match="no detector"):
        load_detector(tmp_path / "missing.onnx")


def test_a_video_becomes_tables_with_every_nth_frame(tmp_path: Path, scene: Scene) -> None:
    video = tmp_path / "game.mp4"
    with VideoWriter(video, width_px=1280, height_px=720, fps=2) as writer:
        for image, _ in scene:
            writer.write(image)
    seen: list[tuple[int, int]] = []
    table, kit = detect_video(
        video,
        load_detector(threads=1),
        stride=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert list(table.columns[: len(tables.DETECTIONS)]) == list(tables.DETECTIONS)
    assert {n: str(table[n].dtype) for n in ("frame", "score")} == {
        "frame": "int32",
        "score": "float32",
    }
    assert set(table["frame"]) == {0, 2}
    assert set(table["class"]) <= set(tables.CLASSES)
    assert tuple(kit.columns) == KIT_COLUMNS
    assert len(kit) == len(table)
    assert seen[-1] == (4, 4)
    with pytest.raises(BadInputError, match="stride"):
        detect_video(video, load_detector(threads=1), stride=0)


def test_a_folder_becomes_coco_results_and_bad_pictures_are_named(
    tmp_path: Path, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "good one.png"), scene[0][0])
    (folder / "bad.jpg").write_bytes(b"nothing")
    out = tmp_path / "out" / "results.json"
    said: list[str] = []
    summary = detect(folder, out, threads=1, on_error=said.append)
    entries = json.loads(out.read_text())
    assert summary.failed == ["bad.jpg"]
    assert len(said) == 1
    assert "bad.jpg" in said[0]
    assert len(entries) == summary.boxes > 0
    assert {e["image_id"] for e in entries} == {"good one.png"}
    assert all(e["bbox"][2] > 0 and e["bbox"][3] > 0 for e in entries)
    assert all(e["category"] in tables.CLASSES for e in entries)
    code, _, err = jarvis("detect", folder, "--out", out, "--threads", 1, capsys=capsys)
    assert code == 1
    assert f"{summary.boxes} people in 1 pictures" in err
    assert "1 pictures could not be read" in err


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"")
    with pytest.raises(BadInputError, match="None of the 1"):
        detect(tmp_path, tmp_path / "out.json", threads=1)
    with pytest.raises(BadInputError, match="There is no"):
        detect(tmp_path / "nowhere", tmp_path / "out.json", threads=1)


def test_the_stride_follows_the_machine_within_what_tracking_needs() -> None:
    assert choose_stride(30, 4).stride == 1
    assert choose_stride(30, 5).stride == 2
    assert choose_stride(30, 14).stride == 2
    assert choose_stride(30, 500).stride == 2
    assert choose_stride(60, 14).stride == 4
    assert choose_stride(10, 500).stride == 1
    assert "ms" in choose_stride(30, 14).reason
    with pytest.raises(BadInputError):
        choose_stride(0, 5)


def test_a_large_video_is_looked_at_smaller_and_boxes_stay_in_its_pixels(
    tmp_path: Path, scene: Scene
) -> None:
    image = scene[0][0]
    for name, scale in (("small", 1.0), ("large", 1.5)):
        size = round(1280 * scale), round(720 * scale)
        with VideoWriter(
            tmp_path / f"{name}.mp4", width_px=size[0], height_px=size[1], fps=2
        ) as writer:
            writer.write(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))
    detector = load_detector(threads=1)
    small, small_kit = detect_video(tmp_path / "small.mp4", detector, stride=1)
    large, large_kit = detect_video(tmp_path / "large.mp4", detector, stride=1)
    corners = ["x1_px", "y1_px", "x2_px", "y2_px"]
    boxes = large[corners].to_numpy("float32") / 1.5
    pairs = match(small[corners].to_numpy("float32"), boxes, large["score"].to_numpy())
    assert len(pairs) >= 0.8 * max(len(small), len(large)) > 0
    for kit, table in ((small_kit, small), (large_kit, large)):
        height = (table["y2_px"] - table["y1_px"]).to_numpy()
        assert kit["height_px"].to_numpy() == pytest.approx(height, rel=0.02)
