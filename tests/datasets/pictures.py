"""Small drawn pictures with people on them, in the layouts that labelling tools write."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SIZE", "Drawn", "coco", "cvat", "draw", "drawn", "mot", "rows", "yolo"]

SIZE = (160, 90)
ROLES = ("player", "goalie", "referee")


@dataclasses.dataclass
class Drawn:
    """A picture file with its boxes in pixels and their names."""

    path: Path
    boxes: list[tuple[str, int, int, int, int]]

    @property
    def stem(self) -> str:
        return self.path.stem


def draw(path: Path, seed: int, people: int = 4) -> Drawn:
    """A light rink of its own tint and lines, with people on it; a seed is a picture."""
    rng = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), rng.integers(170, 250, 3), np.uint8)
    for _ in range(12):  # the background tells one picture from another
        a, b = (tuple(int(v) for v in rng.integers(0, SIZE)) for _ in range(2))
        cv2.line(image, a, b, rng.integers(0, 255, 3).tolist(), int(rng.integers(2, 12)))
    boxes = []
    for number in range(people):
        x, y = int(rng.integers(2, 130)), int(rng.integers(2, 55))
        width, height = int(rng.integers(9, 16)), int(rng.integers(20, 30))
        image[y : y + height, x : x + width] = rng.integers(0, 120, 3)
        boxes.append((ROLES[number % 3], x, y, x + width, y + height))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return Drawn(path, boxes)


def drawn(folder: Path, videos: dict[str, int], seed: int = 0) -> list[Drawn]:
    """Pictures named by their video: ``{"game_a": 3}`` gives ``game_a_001.png`` to 3."""
    return [
        draw(folder / f"{video}_{number:03d}.png", seed + 1000 * index + number)
        for index, (video, count) in enumerate(videos.items())
        for number in range(1, count + 1)
    ]


def rows(picture: Drawn) -> str:
    """YOLO text."""
    width, height = SIZE
    return "".join(
        f"{ROLES.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f}"
        f" {(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"
        for name, x1, y1, x2, y2 in picture.boxes
    )


def yolo(folder: Path, videos: dict[str, int], seed: int = 0) -> list[Drawn]:
    """``images/``, ``labels/``, ``data.yaml``."""
    pictures = drawn(folder / "images", videos, seed)
    (folder / "labels").mkdir()
    for picture in pictures:
        (folder / "labels" / f"{picture.stem}.txt").write_text(rows(picture))
    (folder / "data.yaml").write_text(json.dumps({"names": list(ROLES)}))
    return pictures


def coco(folder: Path, videos: dict[str, int], seed: int = 0) -> list[Drawn]:
    """As Roboflow lays it out: pictures beside ``_annotations.coco.json``."""
    pictures = drawn(folder / "train", videos, seed)
    content = {
        "categories": [{"id": i, "name": name} for i, name in enumerate(ROLES, 1)],
        "images": [
            {"id": i, "file_name": p.path.name, "width": SIZE[0], "height": SIZE[1]}
            for i, p in enumerate(pictures)
        ],
        "annotations": [
            {
                "id": 100 * i + j,
                "image_id": i,
                "category_id": ROLES.index(name) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
            for i, p in enumerate(pictures)
            for j, (name, x1, y1, x2, y2) in enumerate(p.boxes)
        ],
    }
    (folder / "train" / "_annotations.coco.json").write_text(json.dumps(content))
    return pictures


def cvat(folder: Path, videos: dict[str, int], seed: int = 0) -> list[Drawn]:
    """CVAT for images 1.1."""
    pictures = drawn(folder / "images", videos, seed)
    text = "<?xml version='1.0'?><annotations><version>1.1</version>"
    for number, picture in enumerate(pictures):
        text += f'<image id="{number}" name="{picture.path.name}" width="160" height="90">'
        for name, x1, y1, x2, y2 in picture.boxes:
            text += f'<box label="{name}" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"/>'
        text += "</image>"
    (folder / "annotations.xml").write_text(text + "</annotations>")
    return pictures


def mot(folder: Path, videos: dict[str, int], seed: int = 0) -> list[Drawn]:
    """A sequence a video, with CVAT's ``labels.txt``."""
    pictures = []
    for index, (video, count) in enumerate(videos.items()):
        lines = []
        for number in range(1, count + 1):
            path = folder / video / "img1" / f"{number:06d}.png"
            picture = draw(path, seed + 1000 * index + number)
            pictures.append(picture)
            for who, (name, x1, y1, x2, y2) in enumerate(picture.boxes):
                kind = ROLES.index(name) + 1
                lines.append(f"{number},{who},{x1},{y1},{x2 - x1},{y2 - y1},1,{kind},1\n")
        (folder / video / "gt").mkdir()
        (folder / video / "gt" / "gt.txt").write_text("".join(lines))
        (folder / video / "gt" / "labels.txt").write_text("\n".join(ROLES))
    return pictures
