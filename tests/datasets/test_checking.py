"""What a check finds, what a split refuses, what a difference says."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import (
    Options,
    Split,
    check_dataset,
    compare_datasets,
    read_dataset,
    require_no_leakage,
    split_dataset,
    write_report,
)
from jarvis_dagster.hockey.datasets.duplicates import find_near_copies
from tests.datasets import pictures

if TYPE_CHECKING:
    from pathlib import Path


def test_faults_are_found_and_shown(tmp_path: Path) -> None:
    found = pictures.yolo(tmp_path / "in", {"a": 3, "b": 2})
    labels = tmp_path / "in" / "labels"
    (labels / "a_001.txt").write_text(
        "0 0.5 0.5 0.02 0.02\n"  # tiny
        "0 0.5 0.5 0.9 0.01\n"  # a line
        "0 0.99 0.5 0.3 0.4\n"  # over the edge
        "0 0.3 0.5 0.1 0.4\n1 0.3 0.5 0.1 0.4\n"  # twice, in two roles
        "0 1.5 0.5 0.1 0.4\n"  # outside: left out
    )
    (labels / "a_002.txt").unlink()
    (labels / "b_001.txt").write_text("")
    cv2.imwrite(str(found[4].path), np.full((90, 160, 3), 7, np.uint8))
    with read_dataset(tmp_path / "in", "rink") as dataset:
        report = check_dataset(dataset)
        page, data = write_report(dataset, report, tmp_path / "report")
    counts = {finding.name: finding.count for finding in report.findings}
    assert {
        "tiny_boxes": 1, "degenerate_boxes": 1, "boxes_over_the_edge": 1, "duplicate_boxes": 1,
        "unlabelled_pictures": 1, "empty_pictures": 1, "flat_pictures": 1,
    }.items() <= counts.items()  # fmt: skip
    assert report.findings[0].name == "duplicate_boxes"
    assert not report.usable
    assert "1 boxes without an area in the picture" in [f.what for f in report.findings]
    html = page.read_text()
    assert html.count("data:image/jpeg;base64,") >= 4
    assert "should not be trained on" in html
    written = json.loads(data.read_text())
    assert written["boxes_by_video"]["a"]["player"] == 6
    assert written["usable"] is False


def test_labels_of_others_cannot_put_script_on_the_page(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "in", {"a": 2, "b": 2})
    (tmp_path / "in" / "data.yaml").write_text("names: [player, '<script>alert(1)</script>', x]")
    with read_dataset(tmp_path / "in", "<b>") as dataset:
        page, _ = write_report(dataset, check_dataset(dataset), tmp_path / "report")
    assert "<script>" not in page.read_text()
    assert "<b></title>" not in page.read_text()


def _with_copies(folder: Path) -> None:
    """Three videos; one picture of ``a`` is in ``b`` too: recompressed, smaller, mirrored."""
    found = pictures.yolo(folder, {"a": 2, "b": 2, "c": 2})
    image = cv2.imread(str(found[0].path))
    small = cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    cv2.imwrite(
        str(folder / "images" / "b_777.jpg"), small[:, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60]
    )
    (folder / "labels" / "b_777.txt").write_text("0 0.5 0.5 0.1 0.3\n")


def test_near_copies_of_two_videos_stay_on_one_side(tmp_path: Path) -> None:
    _with_copies(tmp_path)
    with read_dataset(tmp_path, "rink") as dataset:
        copies = find_near_copies(dataset.pictures)
        (pair,) = copies.across
        assert {pair.a.video, pair.b.video} == {"a", "b"}
        assert pair.mirrored
        split = split_dataset(dataset, copies=copies)
        assert split.part("training") in {("a", "b"), ("c",)}
        assert split.held_out in {("a", "b"), ("c",)}
        assert split == split_dataset(dataset)
        assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split
        with pytest.raises(BadInputError, match="1 near copies stand on both sides"):
            split_dataset(dataset, test=["a"], copies=copies)
        assert split_dataset(dataset, test=["a", "b"]).training == ("c",)
        report = check_dataset(dataset)
    assert any("a + b" in finding.remedy for finding in report.findings)


def test_two_games_before_one_camera_are_no_copies(tmp_path: Path) -> None:
    from tests.toolchain.rendered import rendered_export

    folder = rendered_export(tmp_path / "in", games=3, frames=2)
    with read_dataset(folder, "rink") as dataset:
        copies = find_near_copies(dataset.pictures)
        assert copies.across == ()


def test_splits_are_by_video(tmp_path: Path) -> None:
    pictures.yolo(tmp_path, {"a": 6, "b": 2, "c": 2, "d": 1})
    with read_dataset(tmp_path, "rink") as dataset:
        split = split_dataset(dataset)
        parts = [set(split.part(name)) for name in ("training", "validation", "test")]
        assert all(parts)
        assert set.union(*parts) == {"a", "b", "c", "d"}
        assert sum(map(len, parts)) == 4
        assert "a" in split.training
        named = split_dataset(dataset, test=["a"], validation=["b"])
        assert (named.test, named.validation, named.training) == (("a",), ("b",), ("c", "d"))
        assert named.id != split.id
        with pytest.raises(BadInputError, match=r"of z.*Videos: a, b, c, d"):
            split_dataset(dataset, test=["z"])
        with pytest.raises(BadInputError, match="twice"):
            split_dataset(dataset, test=["a"], validation=["a"])
        with pytest.raises(BadInputError, match="No video is left"):
            split_dataset(dataset, test=["a", "b"], validation=["c", "d"])
        with pytest.raises(BadInputError, match="is of one video"):
            split_dataset(dataset.of(["a"]))
        overlapping = dataclasses.replace(split, test=split.training)
        with pytest.raises(BadInputError, match="is in training and in test"):
            require_no_leakage(overlapping, find_near_copies(dataset.pictures))
    with pytest.raises(BadInputError, match="damaged"):
        Split.from_json({"dataset": "x"})


def test_a_difference_counts_what_changed(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "one", {"a": 2, "b": 2})
    pictures.yolo(tmp_path / "two", {"a": 3, "b": 2})
    label = tmp_path / "two" / "labels" / "a_001.txt"
    lines = label.read_text().splitlines(keepends=True)
    label.write_text("".join(["1" + lines[0][1:], *lines[1:]]))  # a player was a goalkeeper
    with (
        read_dataset(tmp_path / "one", "rink") as old,
        read_dataset(tmp_path / "two", "rink", Options()) as new,
    ):
        difference = compare_datasets(old, new)
    assert difference["same"] is False
    assert difference["pictures"] == {"added": 1, "removed": 0}
    assert difference["boxes"] == {"added": 5, "removed": 1}
    assert difference["relabelled"] == 1
    assert difference["by_class"] == {"goalkeeper": 2, "player": 1, "referee": 1}
    assert difference["examples"] == ["a_001.png"]
