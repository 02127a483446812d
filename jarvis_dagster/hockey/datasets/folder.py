"""The internal form on disk: a YOLO folder that ``jarvis train`` takes as it is.

Belongs here: writing it, reading it back with its version verified. Does not belong here:
foreign formats.
"""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.model import Dataset, Picture, box_text
from jarvis_dagster.hockey.datasets.unpack import inside
from jarvis_dagster.hockey.detection.labels import label_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["MANIFEST", "open_dataset", "write_dataset"]

MANIFEST = "dataset.json"
_FORM = 1


def write_dataset(
    dataset: Dataset, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write ``images/``, ``labels/``, ``data.yaml``, ``groups.csv`` and ``dataset.json``.

    Raises:
        BadInputError: the folder is there and not empty.
    """
    import yaml

    if folder.exists() and any(folder.iterdir()):
        raise BadInputError(f"{folder} is not empty.", "Name a new folder.")
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pictures = sorted(dataset.pictures, key=lambda picture: picture.name)
    for number, picture in enumerate(pictures, 1):
        shutil.copyfile(picture.path, folder / "images" / picture.name)
        if picture.labelled:
            label = folder / "labels" / f"{picture.name.rpartition('.')[0]}.txt"
            label.write_text(_yolo(picture, dataset.classes), "utf-8")
        if progress:
            progress(number, len(pictures))
    (folder / "data.yaml").write_text(yaml.safe_dump({"names": list(dataset.classes)}), "utf-8")
    with (folder / "groups.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["image", "video", "aspect"])
        for picture in pictures:
            shape = "" if picture.aspect is None else f"{picture.aspect:.4f}"
            writer.writerow([picture.name, picture.video, shape])
    _write_manifest(dataset, pictures, folder)
    return folder


def _write_manifest(dataset: Dataset, pictures: list[Picture], folder: Path) -> None:
    content = {
        "form": _FORM,
        "name": dataset.name,
        "source": dataset.source,
        "notes": dict(dataset.notes),
        **dataset.summary(),
        "files": [
            {
                "name": picture.name,
                "sha256": picture.sha256,
                "width_px": picture.size_px[0],
                "height_px": picture.size_px[1],
            }
            for picture in pictures
        ],
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text, "utf-8")


def _yolo(picture: Picture, classes: tuple[str, ...]) -> str:
    rows = [
        f"{classes.index(kind)} {box_text(box)}\n"
        for kind, box in zip(picture.classes, picture.boxes, strict=True)
    ]
    return "".join(sorted(rows))


def open_dataset(folder: Path) -> Dataset:
    """Read back what :func:`write_dataset` wrote.

    Raises:
        BadInputError: it is not such a folder, or labels or videos were changed since: then it
            is another version, to be imported as such.
    """
    import yaml

    path = folder / MANIFEST
    if not path.is_file():
        raise BadInputError(
            f"{folder} is no dataset of Jarvis.", "Make one by `jarvis dataset import`."
        )
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        classes = tuple(yaml.safe_load((folder / "data.yaml").read_text("utf-8"))["names"])
        with (folder / "groups.csv").open(newline="", encoding="utf-8") as stream:
            groups = {row["image"]: row for row in csv.DictReader(stream)}
        pictures = tuple(_picture(folder, item, groups, classes) for item in content["files"])
        dataset = Dataset(
            content["name"], pictures, classes, content["source"], dict(content["notes"])
        )
        version = content["version"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BadInputError(
            f"{folder} is damaged ({type(error).__name__}: {error}).", "Fetch it again."
        ) from error
    if dataset.version != version:
        raise BadInputError(
            f"{folder} was changed since it was written.",
            "Make a version of it by `jarvis dataset import`.",
        )
    return dataset


def _picture(
    folder: Path,
    item: dict[str, Any],
    groups: dict[str, dict[str, str]],
    classes: tuple[str, ...],
) -> Picture:
    path = inside(folder / "images", item["name"], MANIFEST)
    label = folder / "labels" / f"{path.stem}.txt"
    rows = label_rows(label.read_text("utf-8"), label.name) if label.is_file() else []
    group = groups[item["name"]]
    return Picture(
        path=path,
        name=item["name"],
        sha256=item["sha256"],
        video=group["video"],
        size_px=(item["width_px"], item["height_px"]),
        classes=tuple(classes[row[0]] for row in rows),
        boxes=np.array([row[1:] for row in rows], np.float64).reshape(-1, 4),
        labelled=label.is_file(),
        aspect=float(group["aspect"]) if group["aspect"] else None,
    )
