"""The network that sees the marks: what it is taught with, its file, and the one that ships."""

import json

import cv2
import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import RINKS
from jarvis_dagster.hockey.rink.camera import ice_to_image
from jarvis_dagster.hockey.rink.evidence import MarkFinder, points_of
from jarvis_dagster.hockey.rink.markings import KINDS
from jarvis_dagster.hockey.rink.residuals import Seen, inverse, signed_misses
from jarvis_dagster.hockey.rink.training.export import export_onnx
from jarvis_dagster.hockey.rink.training.frames import FramePool
from jarvis_dagster.hockey.rink.training.net import MarkNet
from jarvis_dagster.hockey.rink.training.scenes import SceneMaker
from jarvis_dagster.hockey.rink.training.targets import targets
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames
from tests.rink import views


def test_scenes_are_the_same_for_the_same_seed_and_differ_otherwise():
    first, again, other = SceneMaker(5)(), SceneMaker(5)(), SceneMaker(6)()
    assert (first.image == again.image).all()
    assert first.image.shape == (288, 512, 3)
    assert (first.image != other.image).any()


def test_targets_lie_on_the_marks_to_a_part_of_a_cell():
    pose = views.looking_at(110, 40, 100.0)
    evidence = views.seen_by(pose)
    off = signed_misses(RINKS["NHL"], Seen(evidence), inverse(pose, views.SIZE))
    # Marks that nearly meet, as at the boards, draw each other aside.
    assert np.median(np.abs(off)) < 0.6
    assert np.quantile(np.abs(off), 0.9) < 3.0
    assert abs(np.median(off)) < 0.3


def test_what_is_hidden_is_not_asked_for():
    pose = views.looking_at(100, 40, 100.0)
    hidden = np.zeros((288, 512), np.uint8)
    hidden[:, :256] = 255
    answer = targets(RINKS["NHL"], ice_to_image(pose, views.SIZE), views.SIZE, hidden)
    assert answer[:, :, :60].max() < 0.2
    assert answer[:, :, 68:].max() > 0.8
    assert targets(RINKS["NHL"], None, views.SIZE, hidden).max() == 0.0


def test_labelled_frames_come_zoomed_and_mirrored_with_their_homography(tmp_path):
    pose = views.looking_at(80, 40, 90.0)
    image = np.zeros((288, 512, 3), np.uint8)
    to_px = ice_to_image(pose, views.SIZE)
    dots = np.array([(80.0, 20.5), (80.0, 64.5), (100.0, 42.5)])
    mapped = np.c_[dots, np.ones(3)] @ to_px.T
    for x, y in (mapped[:, :2] / mapped[:, 2:]).tolist():
        cv2.circle(image, (round(x), round(y)), 5, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    facts = {"rink": "NHL", "image_to_ice": inverse(pose, views.SIZE).tolist(), "group": "a"}
    (tmp_path / "a.json").write_text(json.dumps(facts), "utf-8")
    pool = FramePool(tmp_path, 3)
    found = 0
    for _ in range(12):
        scene = pool()
        assert scene.ice_to_px is not None
        for places in (dots, np.array([200.0, 0.0]) + dots * (-1.0, 1.0)):
            mapped = np.c_[places, np.ones(3)] @ scene.ice_to_px.T
            bright = [
                scene.image[round(y), round(x)].max() > 120
                for x, y in (mapped[:, :2] / mapped[:, 2:]).tolist()
                if 0 <= round(x) < 512 and 0 <= round(y) < 288
            ]
            found += bool(bright) and all(bright)
    assert found >= 12  # as it was, or in the mirror


def test_a_folder_without_labelled_frames_says_so(tmp_path):
    with pytest.raises(BadInputError, match="holds no pictures"):
        FramePool(tmp_path, 1)


def test_the_file_answers_as_torch_does(tmp_path):
    off = export_onnx(MarkNet(), tmp_path / "net.onnx", {"name": "test"})
    assert off < 0.01
    evidence = MarkFinder(tmp_path / "net.onnx", threads=1)(np.zeros((360, 640, 3), np.uint8))
    assert evidence.heat.shape == (len(KINDS), 72, 128)
    assert evidence.cell_px == pytest.approx(5.0)


def test_the_network_that_ships_sees_the_marks_of_a_rendered_game():
    finder = MarkFinder(threads=1)
    frames = iter_frames(GameSpec(seed=21, duration_s=3.0, width_px=640, height_px=360, fps=1))
    near = []
    for image, truth in frames:
        evidence = finder(image)
        seen = Seen(evidence)
        off = np.abs(signed_misses(RINKS["NHL"], seen, truth.homography)) / evidence.unit_px
        near.append(float((seen.weights * (off < 4)).sum()))
        assert evidence.ice_share > 0.2
        # Hours of video have thousands of key frames, and all are kept.
        assert len(evidence.packed.content) < 30_000
    assert np.median(near) > 0.5


def test_a_taller_picture_is_padded_and_not_squeezed():
    heat = np.zeros((len(KINDS), 96, 128), np.float32)
    heat[5, 40, 60] = 1.0
    evidence = points_of(heat, (640, 480), 5.0)
    assert evidence.points_px == pytest.approx(np.array([[302.0, 202.0]]), abs=2.0)
