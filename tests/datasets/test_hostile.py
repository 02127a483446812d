"""What must not get through: archives, names, XML, pictures and labels that are wrong."""

from __future__ import annotations

import json
import shutil
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import Options, open_dataset, read_dataset, write_dataset
from jarvis_dagster.hockey.datasets.unpack import Limits, unpack
from tests.datasets import pictures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refused(source: Path, match: str, options: Options | None = None) -> None:
    with pytest.raises(BadInputError, match=match), read_dataset(source, "a", options):
        pass


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil.txt", "C:\\evil.txt", "a/../../evil.txt", "..\\evil.txt"]
)
def test_nothing_leaves_the_folder(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("images/fine.txt", "x")
        packed.writestr(name, "evil")
    target = tmp_path / "deep" / "out"
    target.mkdir(parents=True)
    with pytest.raises(BadInputError, match="would leave the folder"):
        unpack(archive, target)
    assert not list(tmp_path.rglob("evil*"))
    assert list(target.rglob("*")) == []


def test_links_bombs_twins_and_crowds_of_files_are_refused(tmp_path: Path) -> None:
    def archive(fill: Callable[[zipfile.ZipFile], object]) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            fill(packed)
        return path

    link = zipfile.ZipInfo("images/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadInputError, match="is a link"):
        unpack(archive(lambda z: z.writestr(link, "/etc/passwd")), tmp_path / "a")
    with pytest.raises(BadInputError, match="zip bomb"):
        unpack(archive(lambda z: z.writestr("bomb.txt", bytes(40 << 20))), tmp_path / "b")
    with pytest.warns(UserWarning, match="Duplicate"):
        twins = archive(lambda z: (z.writestr("a.txt", "1"), z.writestr("a.txt", "2")))
    with pytest.raises(BadInputError, match="is there twice"):
        unpack(twins, tmp_path / "c")
    many = archive(lambda z: [z.writestr(f"{n}.txt", "x") for n in range(5)])
    with pytest.raises(BadInputError, match="more than 4"):
        unpack(many, tmp_path / "d", Limits(files=4))
    with pytest.raises(BadInputError, match="unpacks to more than"):
        unpack(many, tmp_path / "e", Limits(total_bytes=4))


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    refused(text, "text.zip cannot be unpacked")
    pictures.yolo(tmp_path / "in", {"a": 2})
    whole = shutil.make_archive(str(tmp_path / "whole"), "zip", tmp_path / "in")
    data = bytearray((tmp_path / "whole.zip").read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "whole.zip").write_bytes(data)
    refused(tmp_path / whole, "whole.zip")
    refused(tmp_path / "gone", "There is no")


def test_xml_tricks_are_refused(tmp_path: Path) -> None:
    pictures.cvat(tmp_path, {"a": 1})
    path = tmp_path / "annotations.xml"
    good = path.read_text()
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    path.write_text(good.replace("?>", "?>" + laughs, 1))
    refused(tmp_path, "broken XML")
    path.write_text(good[:-30])
    refused(tmp_path, "broken XML")
    path.write_text(good.replace('name="a_001.png"', 'name="../../../../etc/passwd.png"'))
    refused(tmp_path, "outside of the dataset")
    path.write_text(good.replace('xtl="', 'left="'))
    refused(tmp_path, "is not CVAT's")
    path.write_text(good.replace('width="160"', 'width="900"'))
    refused(tmp_path, "160x90 pixels large; its labels say 900x90")


def test_json_tricks_are_refused(tmp_path: Path) -> None:
    pictures.coco(tmp_path, {"a": 1})
    path = tmp_path / "train" / "_annotations.coco.json"
    good = json.loads(path.read_text())

    def changed(**parts: object) -> None:
        path.write_text(json.dumps({**good, **parts}))

    changed(images=[{**good["images"][0], "file_name": "/etc/passwd.png"}])
    refused(tmp_path, "outside of the dataset")
    changed(images=good["images"] * 2)
    refused(tmp_path, "id 0 twice")
    changed(annotations=[{**good["annotations"][0], "category_id": 77}])
    refused(tmp_path, "category 77")
    changed(annotations=[{**good["annotations"][0], "bbox": [1, 2]}])
    refused(tmp_path, "is not COCO")
    path.write_text("[" * 100_000)
    refused(tmp_path, "broken JSON")
    path.write_text('{"images": [], "annotations": [')
    refused(tmp_path, "broken JSON")


def test_pictures_that_are_missing_damaged_or_huge_are_named(tmp_path: Path) -> None:
    found = pictures.yolo(tmp_path / "in", {"a": 2, "b": 2})
    found[0].path.unlink()
    refused(tmp_path / "in", "1 pictures are labelled and not there: labels/a_001.txt")
    with read_dataset(tmp_path / "in", "a", Options(skip_missing=True)) as dataset:
        assert len(dataset.pictures) == 3
        assert dataset.notes["pictures that are not there"] == 1
    (tmp_path / "in" / "labels" / "a_001.txt").unlink()
    data = found[1].path.read_bytes()
    found[1].path.write_bytes(data[: len(data) // 2])
    refused(tmp_path / "in", "a_002.png")
    found[1].path.write_text("not a picture")
    refused(tmp_path / "in", "a_002.png is not a readable picture")
    found[1].path.write_bytes(_huge_png())
    refused(tmp_path / "in", "a_002.png has far more pixels")


def _huge_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_link_to_elsewhere_is_no_picture(tmp_path: Path) -> None:
    found = pictures.yolo(tmp_path / "in", {"a": 2})
    outside = shutil.copyfile(found[0].path, tmp_path / "outside.png")
    found[0].path.unlink()
    found[0].path.symlink_to(outside)
    refused(tmp_path / "in", "is a link to outside")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("0 0.5 0.5", "line 2 is not a YOLO label"),
        ("0 nan 0.5 0.1 0.1", "line 2 is not a YOLO label"),
        ("x y z", "line 2 is not a YOLO label"),
        ("9 0.5 0.5 0.1 0.1", "class number 9"),
        ("-1 0.5 0.5 0.1 0.1", "class number -1"),
    ],
)
def test_a_broken_label_names_its_line(tmp_path: Path, line: str, match: str) -> None:
    pictures.yolo(tmp_path, {"a": 2})
    (tmp_path / "labels" / "a_001.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    refused(tmp_path, match)


def test_broken_mot_rows_and_sequences_without_frames(tmp_path: Path) -> None:
    pictures.mot(tmp_path / "in", {"seq": 2})
    truth = tmp_path / "in" / "seq" / "gt" / "gt.txt"
    good = truth.read_text()
    truth.write_text(good + "1,2,three\n")
    refused(tmp_path / "in", "line 9 is not a MOT row")
    truth.write_text(good + "77,1,1,1,5,5,1,1,1\n")
    refused(tmp_path / "in", "seq/img1/000077")
    truth.write_text(good + "1,1,1,1,5,5,0,1,1\n")
    with read_dataset(tmp_path / "in", "a") as dataset:
        assert dataset.notes["rows that are marked as not to be used"] == 1
    (tmp_path / "in" / "seq" / "seqinfo.ini").write_text("[Sequence]\nimDir=../../..\n")
    refused(tmp_path / "in", "labels and no frames")


def test_what_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no dataset of a known format")
    pictures.yolo(tmp_path / "in", {"a": 2})
    refused(tmp_path / "in", "is no format", Options(format="voc"))
    shutil.rmtree(tmp_path / "in" / "labels")
    refused(tmp_path / "in", "No picture in the yolo dataset has a label")
    (tmp_path / "in" / "data.yaml").write_text("names: {1000000000: player}")
    refused(tmp_path / "in", "no list of names")
    (tmp_path / "in" / "data.yaml").write_text("names: [")
    refused(tmp_path / "in", "broken YAML")


def test_one_picture_with_two_labels_is_refused_and_a_copy_is_not(tmp_path: Path) -> None:
    found = pictures.yolo(tmp_path / "in", {"a": 2})
    copy = tmp_path / "in" / "images" / "a_009.png"
    shutil.copyfile(found[0].path, copy)
    label = tmp_path / "in" / "labels" / "a_009.txt"
    label.write_text(pictures.rows(found[0]))
    with read_dataset(tmp_path / "in", "a") as dataset:
        assert len(dataset.pictures) == 2
        assert dataset.notes["pictures that were there twice"] == 1
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    refused(tmp_path / "in", "a_001.png and a_009.png are the same picture")


def test_a_changed_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    pictures.yolo(tmp_path / "in", {"a": 2})
    with read_dataset(tmp_path / "in", "a") as dataset:
        folder = write_dataset(dataset, tmp_path / "form")
    path = folder / "dataset.json"
    content = json.loads(path.read_text())
    content["files"][0]["name"] = "../../../etc/passwd"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match="outside of the dataset"):
        open_dataset(folder)
    path.write_text("{}")
    with pytest.raises(BadInputError, match="is damaged"):
        open_dataset(folder)
    path.unlink()
    with pytest.raises(BadInputError, match="no dataset of Jarvis"):
        open_dataset(folder)
