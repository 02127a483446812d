"""Every format gives the same dataset; what people do with classes, videos and pictures."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import (
    Options,
    compare_datasets,
    export_dataset,
    open_dataset,
    read_class_map,
    read_dataset,
    write_dataset,
)
from jarvis_dagster.hockey.datasets.naming import distinct_names, guessed_videos
from jarvis_dagster.hockey.training.dataset import read_export
from tests.datasets import pictures

if TYPE_CHECKING:
    from pathlib import Path

VIDEOS = {"game_a": 2, "game_b": 2}
WRITERS = {
    "yolo": pictures.yolo,
    "coco": pictures.coco,
    "cvat": pictures.cvat,
    "mot": pictures.mot,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_is_found_out_and_is_the_same_version(tmp_path: Path, kind: str) -> None:
    pictures.yolo(tmp_path / "yolo-one", VIDEOS)
    with read_dataset(tmp_path / "yolo-one", "a") as expected:
        version = expected.version
    truth = WRITERS[kind](tmp_path / kind, VIDEOS)
    with read_dataset(tmp_path / kind, "b") as found:
        assert found.source == kind
        assert found.videos == ("game_a", "game_b")
        assert found.classes == ("player", "goalkeeper", "referee")
        assert sum(len(p.classes) for p in found.pictures) == sum(len(p.boxes) for p in truth)
        assert found.version == version
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / kind)
    with read_dataset(tmp_path / archive, "c") as unpacked:
        assert unpacked.version == version


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_exported_reads_back_as_the_same_version(tmp_path: Path, kind: str) -> None:
    pictures.yolo(tmp_path / "in", VIDEOS)
    with read_dataset(tmp_path / "in", "a") as dataset:
        export_dataset(dataset, kind, tmp_path / "out")
        with read_dataset(tmp_path / "out", "b", Options(format=kind)) as back:
            assert back.version == dataset.version
        with pytest.raises(BadInputError, match="not empty"):
            export_dataset(dataset, kind, tmp_path / "out")
        with pytest.raises(BadInputError, match="no format"):
            export_dataset(dataset, "voc", tmp_path / "voc")


def test_the_internal_form_is_what_training_reads(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "in", VIDEOS)
    with read_dataset(tmp_path / "in", "a", Options(aspect=1.5)) as dataset:
        folder = write_dataset(dataset, tmp_path / "form")
        opened = open_dataset(folder)
        assert (opened.version, opened.name) == (dataset.version, "a")
        assert compare_datasets(dataset, opened)["same"] is True
    samples = read_export(folder)
    assert {sample.group for sample in samples} == {"game_a", "game_b"}
    assert {sample.aspect for sample in samples} == {(1.5, 1.5)}
    assert sorted(samples[0].roles.tolist()) == [0, 0, 1, 2]
    with read_dataset(folder, "again") as again:
        assert again.version == opened.version
    label = next((folder / "labels").glob("*.txt"))
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(BadInputError, match="was changed"):
        open_dataset(folder)


def test_polygons_and_stretched_pictures_are_read(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "in", VIDEOS)
    label = tmp_path / "in" / "labels" / "game_a_001.txt"
    label.write_text("0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n1 0.5 0.5 0.2 0.2\n")
    with read_dataset(tmp_path / "in", "a", Options(aspect=16 / 9)) as dataset:
        picture = next(p for p in dataset.pictures if p.path.stem == "game_a_001")
        np.testing.assert_allclose(picture.boxes[0], [0.1, 0.2, 0.3, 0.6], atol=1e-6)
        assert picture.aspect == pytest.approx(16 / 9)
        square = dataset.version
    with read_dataset(tmp_path / "in", "a") as plain:
        assert plain.version != square  # another shape is another content


def test_a_file_maps_classes(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "in", VIDEOS)
    (tmp_path / "in" / "data.yaml").write_text("names: [Feldspieler, TW, Schiri]\n")
    with (
        pytest.raises(BadInputError, match="they are: Feldspieler, Schiri, TW"),
        read_dataset(tmp_path / "in", "a"),
    ):
        pass
    mapping = tmp_path / "in" / "classes.yaml"
    mapping.write_text("Feldspieler: player\ntw: goalkeeper\nSchiri: ~\n")
    with read_dataset(tmp_path / "in", "a") as dataset:
        assert dataset.classes == ("player", "goalkeeper")
        assert dataset.notes["classes left out"] == ["Schiri"]
    mapping.write_text("tw: [1]\n")
    with pytest.raises(BadInputError, match="'tw' is mapped to"):
        read_class_map(mapping)
    mapping.write_text("just text")
    with pytest.raises(BadInputError, match="holds no names"):
        read_class_map(mapping)


def test_roboflow_parts_are_one_dataset_and_names_tell_videos(tmp_path: Path) -> None:
    for part, video in (("train", "tigers_home"), ("valid", "bears")):
        folder = tmp_path / "in" / part
        pictures.yolo(folder, {video: 3}, seed=len(video))
        (folder / "data.yaml").rename(tmp_path / "in" / "data.yaml")
        for path in [*(folder / "images").iterdir(), *(folder / "labels").iterdir()]:
            path.rename(path.with_name(f"{path.stem}_png.rf.0123456789abcdef{path.suffix}"))
    with read_dataset(tmp_path / "in", "a") as dataset:
        assert dataset.videos == ("bears", "tigers_home")
        assert dataset.notes["videos guessed from file names"] == 6
    with read_dataset(tmp_path / "in", "a", Options(video="one", every=2)) as one:
        assert one.summary()["videos"] == {"one": 3}


def test_video_names_are_guessed_from_frame_names(tmp_path: Path) -> None:
    names = ["a_1", "a_2", "b-frame_000010", "b-frame_000020"]
    paths = [tmp_path / f"{name}.jpg" for name in names]
    assert list(guessed_videos(paths, "d").values()) == ["a", "a", "b", "b"]
    numbers = [tmp_path / f"{n:06d}.jpg" for n in range(4)]
    assert set(guessed_videos(numbers, "d").values()) == {"d"}
    odd = [tmp_path / "x" / "A.jpg", tmp_path / "y" / "a.png", tmp_path / "ä b?.jpg"]
    assert list(distinct_names(odd).values()) == ["A.jpg", "a-2.png", "ä_b.jpg"]


def test_tracks_of_a_cvat_video_are_boxes_in_every_frame(tmp_path: Path) -> None:
    for number in range(4):
        pictures.draw(tmp_path / "images" / f"frame_{number:06d}.png", number, people=0)
    box = '<box frame="{}" outside="{}" xtl="{}" ytl="10" xbr="{}" ybr="50" keyframe="1"/>'
    (tmp_path / "annotations.xml").write_text(
        "<annotations><meta><task><name>Final 2026</name><original_size><width>160</width>"
        "<height>90</height></original_size></task></meta>"
        '<track id="0" label="player">'
        + box.format(0, 0, 10, 30)
        + box.format(2, 0, 30, 50)
        + box.format(3, 1, 30, 50)
        + "</track></annotations>"
    )
    with read_dataset(tmp_path, "a") as dataset:
        assert dataset.videos == ("Final_2026",)
        left = [p.boxes[0][0] * 160 if len(p.boxes) else None for p in dataset.pictures]
        assert left == [pytest.approx(10), pytest.approx(20), pytest.approx(30), None]


def test_coco_polygons_crowds_and_masks(tmp_path: Path) -> None:
    pictures.coco(tmp_path, {"g": 2})
    path = tmp_path / "train" / "_annotations.coco.json"
    content = json.loads(path.read_text())
    first, second, third, *rest = content["annotations"]
    del first["bbox"]
    first["segmentation"] = [[16, 9, 32, 9, 32, 45, 16, 45]]
    second["iscrowd"] = 1
    del third["bbox"]
    third["segmentation"] = {"counts": "x", "size": [1, 1]}
    path.write_text(json.dumps(content))
    with read_dataset(tmp_path, "a") as dataset:
        assert len(dataset.pictures[0].classes) == 2
        assert dataset.notes["crowds"] == 1
        assert dataset.notes["masks without a box"] == 1
        np.testing.assert_allclose(dataset.pictures[0].boxes[0], [0.1, 0.1, 0.2, 0.5])
    assert rest
