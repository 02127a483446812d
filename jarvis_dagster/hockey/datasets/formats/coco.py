"""COCO JSON, as CVAT, Roboflow, Label Studio and others write it.

Belongs here: images, categories, boxes and polygons. Does not belong here: run-length masks
without a box, which are left out and counted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.formats.base import Raw, RawPicture
from jarvis_dagster.hockey.datasets.formats.finding import PictureIndex

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_here", "read"]

_KEYS = {"images", "annotations", "categories"}
_MOST_BYTES = 1 << 30


def is_here(folder: Path) -> bool:
    """Whether a JSON file in it has the three lists of COCO."""
    return bool(_files(folder))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.json")) if _looks_like_coco(path)]


def _looks_like_coco(path: Path) -> bool:
    """By its name, or by the keys near its beginning or end: large files are not parsed twice."""
    if path.stat().st_size < 2:
        return False
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    if path.name.endswith(".coco.json") or path.name.startswith("instances_"):
        return True
    if len(head) < 1 << 16:
        try:
            content = json.loads(head)
        except ValueError:
            return False
        return isinstance(content, dict) and content.keys() >= _KEYS
    return any(f'"{key}"'.encode() in head for key in ("images", "categories"))


def read(folder: Path) -> Raw:
    """Read every COCO file in ``folder`` (train, valid, test) together.

    Raises:
        BadInputError: broken JSON, a missing key, or a picture outside of the folder.
    """
    raw = Raw([], [])
    index = PictureIndex(folder)
    for path in _files(folder):
        where = str(path.relative_to(folder))
        content = _content(path, where)
        try:
            _read_file(content, path.parent, where, index, raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInputError(
                f"{where} is not COCO: {type(error).__name__} {error}.", "Export it again."
            ) from error
    return raw


def _content(path: Path, where: str) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise BadInputError(f"{where} is larger than a gigabyte.", "Split the dataset.")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{where} is broken JSON ({error}).", "Export it again.") from error
    if not isinstance(content, dict) or not content.keys() >= _KEYS:
        raise BadInputError(
            f"{where} lacks {', '.join(sorted(_KEYS - set(content)))}.", "Export it as COCO again."
        )
    return content


def _read_file(
    content: dict[str, Any], beside: Path, where: str, index: PictureIndex, raw: Raw
) -> None:
    names = {int(item["id"]): str(item["name"]) for item in content["categories"]}
    raw.names += [name for name in names.values() if name not in raw.names]
    pictures: dict[int, RawPicture | None] = {}
    for item in content["images"]:
        number = int(item["id"])
        if number in pictures:
            raise BadInputError(f"{where} has the image id {number} twice.", "Export it again.")
        path = index.find(str(item["file_name"]), beside, where)
        if path is None:
            raw.missing.append(str(item["file_name"]))
            pictures[number] = None
            continue
        stated = (int(item["width"]), int(item["height"])) if "width" in item else None
        picture = RawPicture(path, [], in_pixels=True, stated_px=stated)
        pictures[number] = picture
        raw.pictures.append(picture)
    for item in content["annotations"]:
        number, category = int(item["image_id"]), int(item["category_id"])
        if number not in pictures or category not in names:
            raise BadInputError(
                f"{where}: the annotation {item.get('id')} is of image {number} and category"
                f" {category}, of which one is not listed.",
                "Export it again.",
            )
        found = pictures[number]
        if found is None:
            continue
        box = _box(item, raw)
        if box is not None:
            found.boxes.append((names[category], *box))


def _box(item: dict[str, Any], raw: Raw) -> tuple[float, float, float, float] | None:
    if item.get("iscrowd"):
        raw.leave_out("crowds")
        return None
    if item.get("bbox"):
        x, y, width, height = (float(value) for value in item["bbox"])
        return x, y, x + width, y + height
    parts = item.get("segmentation")
    if isinstance(parts, list) and parts:
        xs = [float(value) for part in parts for value in part[::2]]
        ys = [float(value) for part in parts for value in part[1::2]]
        return min(xs), min(ys), max(xs), max(ys)
    raw.leave_out("masks without a box")
    return None
