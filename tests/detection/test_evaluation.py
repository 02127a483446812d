"""Measures of the detector against numbers worked out by hand."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection import Detections
from jarvis_dagster.hockey.detection.evaluation import (
    LabelledPicture,
    evaluate_detector,
    format_evaluation,
    match,
    measure,
    parse_aspect,
)
from jarvis_dagster.hockey.detection.pucks import measure_pucks, told_of_pucks


def _found(boxes: list[list[float]], scores: list[float], kinds: list[int]) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(kinds, np.int64),
        np.eye(3, dtype=np.float32)[kinds].reshape(-1, 3),
    )


A, B, FAR = [0.0, 0, 100, 100], [200.0, 200, 300, 300], [500.0, 500, 600, 600]


def _pictures() -> list[LabelledPicture]:
    """Three people; found in order of score: right, wrong place, right; one is missed."""
    return [
        LabelledPicture(np.float32([A, B]), np.array([0, 1]), _found([A, FAR], [0.9, 0.8], [0, 0])),
        LabelledPicture(np.float32([A]), np.array([2]), _found([A], [0.7], [0])),
    ]


def test_average_precision_is_that_of_the_hand_example() -> None:
    # Precision 1 up to recall 1/3 (34 of COCO's 101 points), 2/3 up to recall 2/3 (33 points).
    result = measure(_pictures(), 0.3)
    assert result["people"]["ap50"] == pytest.approx((34 + 33 * 2 / 3) / 101, abs=1e-4)
    assert result["people"]["recall"] == pytest.approx(2 / 3)
    assert result["people"]["precision"] == pytest.approx(2 / 3)


def test_roles_and_misses_are_counted_where_they_belong() -> None:
    result = measure(_pictures(), 0.3)
    assert result["confusion"]["referee"] == {
        "player": 1, "goalkeeper": 0, "referee": 0, "missed": 0,
    }  # fmt: skip
    assert result["confusion"]["goalkeeper"]["missed"] == 1
    assert result["confusion"]["nobody"]["player"] == 1
    assert result["goalkeeper_recall"] == 0
    # player: right 1, said 2, are 1: F1 2/3; nobody right in the other two roles.
    assert result["role_macro_f1"] == pytest.approx(2 / 9)


def test_the_threshold_decides_what_counts() -> None:
    assert measure(_pictures(), 0.85)["people"]["precision"] == 1.0
    assert measure(_pictures(), 0.85)["people"]["recall"] == pytest.approx(1 / 3)


def test_a_second_box_on_one_person_is_an_error() -> None:
    pairs = match(np.float32([A]), np.float32([A, A]), np.float32([0.5, 0.9]))
    assert pairs == [(0, 1)]


class _Oracle:
    """Answers with one box in the middle, 20 % of the width and 40 % of the height."""

    name, version = "oracle", "1"
    finds_pucks = False

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        answers = []
        for image in images:
            height, width = image.shape[:2]
            box = [0.4 * width, 0.3 * height, 0.6 * width, 0.7 * height]
            answers.append(_found([box], [0.9], [1]))
        return answers


def _export(folder: Path, label: str) -> tuple[Path, Path]:
    images, labels = folder / "images", folder / "labels"
    images.mkdir()
    labels.mkdir()
    cv2.imwrite(str(images / "a.jpg"), np.full((64, 64, 3), 200, np.uint8))
    cv2.imwrite(str(images / "without.jpg"), np.full((64, 64, 3), 200, np.uint8))
    (labels / "a.txt").write_text(label)
    (folder / "data.yaml").write_text("names: [goalie, scoreboard]\n")
    return images, labels


def test_a_folder_is_measured_with_its_own_class_names(tmp_path: Path) -> None:
    images, labels = _export(tmp_path, "0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n")
    result = evaluate_detector(images, labels, _Oracle(), score_threshold=0.3, aspect=16 / 9)
    assert result["pictures"] == 1
    assert result["pictures_without_labels"] == 1
    assert result["people"]["count"] == 1
    assert result["people"]["ap50"] == pytest.approx(1.0)
    assert result["goalkeeper_recall"] == 1.0
    table = format_evaluation(result)
    assert table.row_count == 6
    assert "not supported" in str(table.caption)


def test_names_are_found_above_a_split_export_and_may_have_spaces(tmp_path: Path) -> None:
    images, labels = tmp_path / "images" / "test", tmp_path / "labels" / "test"
    for folder in (images, labels):
        folder.mkdir(parents=True)
    cv2.imwrite(str(images / "a.jpg"), np.full((64, 64, 3), 200, np.uint8))
    (labels / "a.txt").write_text("0 0.1 0.1 0.1 0.1\n1 0.5 0.5 0.2 0.4\n7 0.5 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("face off spot\ngoalie\n")
    result = evaluate_detector(images, labels, _Oracle(), score_threshold=0.3, aspect=16 / 9)
    assert result["people"]["count"] == 1
    assert result["goalkeeper_recall"] == 1.0
    assert result["unnamed_classes"] == [7]
    assert "boxes of class 7" in str(format_evaluation(result).caption)


def test_the_frames_with_most_errors_are_drawn_with_words(tmp_path: Path) -> None:
    from jarvis_dagster.hockey.training.sheet import draw_each

    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.full((90, 160, 3), 200, np.uint8))
    boxes = np.float32([[10, 10, 30, 60], [80, 10, 100, 60]])
    roles = np.array([0, 1], np.int64)
    right = LabelledPicture(boxes, roles, _found(boxes.tolist(), [0.9, 0.9], [0, 1]))
    wrong = LabelledPicture(boxes, roles, _found([[80, 10, 100, 60]], [0.9], [0]))
    extra = LabelledPicture(boxes[:0], roles[:0], _found([[5, 5, 20, 40]], [0.9], [2]))
    sources = [(tmp_path / name, None) for name in ("a.png", "b.png", "c.png")]
    made = draw_each(sources, [right, extra, wrong], 0.35, tmp_path)
    assert [words for _, words in made] == [
        "c.png: 1 other role, 1 missed",
        "b.png: 1 nobody there",
    ]
    assert all(cv2.imread(str(path)).shape[1] == 960 for path, _ in made)


def test_pucks_are_measured_by_where_they_are_and_not_supported_is_said() -> None:
    truth = [np.float32([[100, 100, 110, 108]]), np.float32([[50, 50, 60, 60]])]
    answers = [Detections.none(), Detections.none()]
    answers[0].pucks = np.float32([[107, 104, 117, 112], [300, 300, 310, 310]])
    answers[0].puck_score = np.float32([0.9, 0.8])
    answers[1].pucks, answers[1].puck_score = np.float32([[50, 50, 60, 60]]), np.float32([0.1])
    told = measure_pucks(truth, answers, 0.5, looked_for=True)
    assert told == {"looked_for": True, "count": 2, "boxes": 2, "recall": 0.5, "precision": 0.5}
    assert "50.0 % are found" in told_of_pucks(told)
    none = measure_pucks(truth, [Detections.none()] * 2, 0.5, looked_for=False)
    assert none["recall"] == 0
    assert none["precision"] is None
    assert "not supported" in told_of_pucks(none)


def test_labels_elsewhere_are_an_error_that_says_so(tmp_path: Path) -> None:
    images, _ = _export(tmp_path, "")
    empty = tmp_path / "other"
    empty.mkdir()
    with pytest.raises(BadInputError, match="has a label"):
        evaluate_detector(images, empty, _Oracle(), score_threshold=0.3)


@pytest.mark.parametrize(("text", "value"), [("16:9", 16 / 9), ("1.5", 1.5)])
def test_shapes_are_read(text: str, value: float) -> None:
    assert parse_aspect(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["0:9", "16:0", "wide", "-1"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="picture shape"):
        parse_aspect(text)
