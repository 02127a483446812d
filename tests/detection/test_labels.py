"""Label files: boxes, polygons, names, and what is said about broken ones."""

from pathlib import Path

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import (
    class_index,
    class_names,
    find_images,
    parse_labels,
)


def test_a_box_becomes_its_corners() -> None:
    classes, boxes = parse_labels("2 0.5 0.5 0.2 0.4\n", "a.txt")
    assert classes.tolist() == [2]
    np.testing.assert_allclose(boxes, [[0.4, 0.3, 0.6, 0.7]], atol=1e-6)


def test_a_polygon_becomes_its_enclosing_box() -> None:
    _, boxes = parse_labels("1 0.1 0.2 0.3 0.1 0.2 0.6\n", "a.txt")
    np.testing.assert_allclose(boxes, [[0.1, 0.1, 0.3, 0.6]], atol=1e-6)


def test_an_empty_file_means_nobody() -> None:
    classes, boxes = parse_labels("\n\n", "a.txt")
    assert classes.shape == (0,)
    assert boxes.shape == (0, 4)


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "0 0.1 0.1 0.2 0.2 0.3"])
def test_a_broken_line_is_named(line: str) -> None:
    with pytest.raises(BadInputError, match=r"a\.txt, line 2"):
        parse_labels(f"0 0.5 0.5 0.1 0.1\n{line}\n", "a.txt")


def test_names_of_labelling_tools_are_understood(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [goalie, Player, ref, goal, puck]\n")
    assert class_index(class_names([tmp_path])) == {0: 1, 1: 0, 2: 2, 4: 3}


def test_names_as_a_mapping_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: {3: referee, 1: player}\n")
    assert class_index(class_names([tmp_path])) == {1: 0, 3: 2}


def test_without_names_the_own_order_holds(tmp_path: Path) -> None:
    assert class_index(class_names([tmp_path])) == {0: 0, 1: 1, 2: 2, 3: 3}


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInputError, match="No picture"):
        find_images(tmp_path)
