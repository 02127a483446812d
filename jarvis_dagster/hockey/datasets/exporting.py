"""A dataset in the formats of labelling tools.

Belongs here: writing YOLO, COCO, CVAT and MOT. Does not belong here: reading them (``formats``).
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.folder import write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.hockey.datasets.model import Dataset, Picture

__all__ = ["EXPORTS", "export_dataset"]


def export_dataset(dataset: Dataset, kind: str, folder: Path) -> Path:
    """Write the dataset into a new folder, as ``yolo``, ``coco``, ``cvat`` or ``mot``.

    Raises:
        BadInputError: an unknown format, or the folder is there and not empty.
    """
    if kind not in EXPORTS:
        raise BadInputError(f"{kind!r} is no format.", f"Use one of {', '.join(EXPORTS)}.")
    if folder.exists() and any(folder.iterdir()):
        raise BadInputError(f"{folder} is not empty.", "Name a new folder.")
    EXPORTS[kind](dataset, folder)
    return folder


def _pixels(picture: Picture) -> list[tuple[str, float, float, float, float]]:
    """Class and box in pixels of the picture as it is stored."""
    width, height = picture.size_px
    return [
        (kind, *(round(float(v), 5) for v in box * [width, height, width, height]))  # type: ignore[misc]
        for kind, box in zip(picture.classes, picture.boxes, strict=True)
    ]


def _copy(dataset: Dataset, folder: Path) -> list[Picture]:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = sorted(dataset.pictures, key=lambda picture: picture.name)
    for picture in pictures:
        shutil.copyfile(picture.path, folder / picture.name)
    return pictures


def _coco(dataset: Dataset, folder: Path) -> None:
    pictures = _copy(dataset, folder / "images")
    content: dict[str, Any] = {
        "info": {"description": dataset.name, "version": dataset.version},
        "categories": [
            {"id": number, "name": kind} for number, kind in enumerate(dataset.classes, 1)
        ],
        "images": [],
        "annotations": [],
    }
    for number, picture in enumerate(pictures, 1):
        width, height = picture.size_px
        content["images"].append(
            {"id": number, "file_name": picture.name, "width": width, "height": height}
        )
        for kind, x1, y1, x2, y2 in _pixels(picture):
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": dataset.classes.index(kind) + 1,
                    "bbox": [x1, y1, round(x2 - x1, 5), round(y2 - y1, 5)],
                    "area": round((x2 - x1) * (y2 - y1), 2),
                    "iscrowd": 0,
                }
            )
    path = folder / "annotations" / "instances_default.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content), "utf-8")
    _groups(pictures, folder)


def _cvat(dataset: Dataset, folder: Path) -> None:
    from xml.etree import ElementTree

    pictures = _copy(dataset, folder / "images")
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    labels = ElementTree.SubElement(task, "labels")
    for kind in dataset.classes:
        ElementTree.SubElement(ElementTree.SubElement(labels, "label"), "name").text = kind
    for number, picture in enumerate(pictures):
        width, height = (str(side) for side in picture.size_px)
        image = ElementTree.SubElement(
            root, "image", id=str(number), name=picture.name, width=width, height=height
        )
        for kind, *sides in _pixels(picture):
            corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(str, sides), strict=True))
            about = {"label": kind, "occluded": "0", "z_order": "0", **corners}
            ElementTree.SubElement(image, "box", about)
    ElementTree.ElementTree(root).write(
        folder / "annotations.xml", encoding="utf-8", xml_declaration=True
    )
    _groups(pictures, folder)


def _mot(dataset: Dataset, folder: Path) -> None:
    for video in dataset.videos:
        sequence = folder / video
        for name in ("img1", "gt"):
            (sequence / name).mkdir(parents=True)
        pictures = sorted(dataset.of([video]).labelled, key=lambda picture: picture.name)
        rows = []
        for number, picture in enumerate(pictures, 1):
            suffix = picture.path.suffix.lower()
            shutil.copyfile(picture.path, sequence / "img1" / f"{number:06d}{suffix}")
            for kind, x1, y1, x2, y2 in _pixels(picture):
                # Nobody says who is who in single pictures: the id is MOT's for "not known".
                index = dataset.classes.index(kind) + 1
                rows.append(f"{number},-1,{x1},{y1},{x2 - x1:.5f},{y2 - y1:.5f},1,{index},1\n")
        (sequence / "gt" / "gt.txt").write_text("".join(rows), "utf-8")
        (sequence / "gt" / "labels.txt").write_text("\n".join(dataset.classes) + "\n", "utf-8")


def _groups(pictures: list[Picture], folder: Path) -> None:
    rows = [
        f"{picture.name},{picture.video},{'' if picture.aspect is None else picture.aspect:}\n"
        for picture in pictures
    ]
    (folder / "groups.csv").write_text("image,video,aspect\n" + "".join(rows), "utf-8")


EXPORTS: dict[str, Callable[[Dataset, Path], object]] = {
    "yolo": write_dataset,
    "coco": _coco,
    "cvat": _cvat,
    "mot": _mot,
}
"""Writers by format; the YOLO form is the internal one."""
