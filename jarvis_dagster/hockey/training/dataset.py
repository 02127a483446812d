"""Labelled frames: reading a YOLO export, and splitting it by video.

Belongs here: what a labelled frame is, class names, polygons, stretched exports, splits.
Does not belong here: augmentation (``augment``), better boxes (``harmonise``).
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tables import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "NAME_TO_CLASS",
    "ROLES",
    "Sample",
    "class_names",
    "find_images",
    "parse_labels",
    "read_export",
    "split_by_group",
]

ROLES = CLASSES[:3]
"""The classes that are people, in the order of the network's role logits."""

NAME_TO_CLASS = {
    "player": "player",
    "players": "player",
    "player_cheering": "player",
    "skater": "player",
    "human": "player",
    "person": "player",
    "goalie": "goalkeeper",
    "goaltender": "goalkeeper",
    "goalkeeper": "goalkeeper",
    "keeper": "goalkeeper",
    "referee": "referee",
    "ref": "referee",
    "official": "referee",
    "linesman": "referee",
    "puck": "puck",
}
"""Names that labelling tools use, lower case, to the project's classes; others are left out."""

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


@dataclasses.dataclass
class Sample:
    """One labelled frame. Boxes are x1 y1 x2 y2 as shares of the picture's width and height."""

    image: Path
    group: str
    """The video it comes from: frames of one group never stand on both sides of a split."""
    boxes: NDArray[np.float32]
    roles: NDArray[np.int64]
    tight: NDArray[np.bool_]
    """False where the box is known to be loose: it teaches presence and role, not extent."""
    ignore: NDArray[np.float32]
    """Boxes of people whom the labels left out: neither person nor background."""
    aspect: tuple[float, float]
    """Range of the true width / height of the picture, which may be stored stretched."""


def find_images(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, by name.

    Raises:
        BadInputError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadInputError(f"There is no folder {folder}.", "Pass a folder with pictures.")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES)
    if not found:
        raise BadInputError(f"No picture in {folder}.", "JPEG, PNG, BMP and WebP are read.")
    return found


def class_names(folder: Path) -> list[str]:
    """Names by class index: of ``data.yaml``, ``classes.txt`` or ``obj.names`` in ``folder``.

    Without such a file the project's own order: player, goalkeeper, referee, puck.
    """
    for name in ("data.yaml", "data.yml"):
        if (folder / name).is_file():
            import yaml

            names = yaml.safe_load((folder / name).read_text(encoding="utf-8")).get("names")
            if isinstance(names, dict):
                return [str(names.get(i, "")) for i in range(max(names) + 1)]
            if isinstance(names, list):
                return [str(item) for item in names]
            raise BadInputError(f"{folder / name} has no list of names.", "Add `names: [...]`.")
    for name in ("classes.txt", "obj.names"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8").split()
    return list(CLASSES)


def parse_labels(text: str, where: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """YOLO lines to class indices (N,) and boxes (N, 4) as shares, x1 y1 x2 y2.

    A line holds a class and either ``cx cy w h`` or a polygon ``x1 y1 x2 y2 x3 y3 ...``,
    of which the enclosing box is taken.

    Raises:
        BadInputError: a line that is neither; ``where`` names the file.
    """
    classes: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            kind, values = int(float(parts[0])), [float(part) for part in parts[1:]]
        except ValueError:
            values = []
            kind = -1
        if len(values) == 4:
            x, y, w, h = values
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        elif len(values) >= 6 and len(values) % 2 == 0:
            box = (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
        else:
            raise BadInputError(
                f"{where}, line {number} is not a YOLO label: {line[:60]!r}.",
                "A line is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`.",
            )
        classes.append(kind)
        boxes.append(box)
    return np.array(classes, np.int64), np.array(boxes, np.float32).reshape(-1, 4).clip(0, 1)


def read_export(folder: Path, *, aspect: tuple[float, float] | None = None) -> list[Sample]:
    """Read a YOLO export: ``images/``, ``labels/``, ``data.yaml`` and perhaps ``groups.csv``.

    ``groups.csv`` (columns image, video) says which video a frame is of; without it the
    whole export is one group. ``aspect`` is the true shape of stretched pictures; None takes
    them as they are.

    Raises:
        BadInputError: a folder is missing, or no frame has a label.
    """
    names = [NAME_TO_CLASS.get(name.lower(), "") for name in class_names(folder)]
    role_of = {i: ROLES.index(name) for i, name in enumerate(names) if name in ROLES}
    groups = _groups(folder / "groups.csv")
    samples = []
    for image in find_images(folder / "images"):
        label = folder / "labels" / f"{image.stem}.txt"
        if not label.is_file():
            continue
        kinds, boxes = parse_labels(label.read_text(encoding="utf-8"), str(label))
        keep = np.isin(kinds, list(role_of))
        samples.append(
            Sample(
                image=image,
                group=groups.get(image.name, folder.name),
                boxes=boxes[keep],
                roles=np.array([role_of[int(kind)] for kind in kinds[keep]], np.int64),
                tight=np.ones(int(keep.sum()), bool),
                ignore=np.zeros((0, 4), np.float32),
                aspect=aspect or (0.0, 0.0),
            )
        )
    if not samples:
        raise BadInputError(f"No picture in {folder} has a label.", "Labels go to labels/*.txt.")
    return samples


def _groups(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["image"]: row["video"] for row in csv.DictReader(handle)}


def split_by_group(
    samples: Iterable[Sample], held_out: Sequence[str]
) -> tuple[list[Sample], list[Sample]]:
    """(training, held out): neighbouring frames are near copies, so videos are split, not frames.

    Raises:
        BadInputError: a group that no frame belongs to.
    """
    samples = list(samples)
    unknown = set(held_out) - {sample.group for sample in samples}
    if unknown:
        raise BadInputError(
            f"No frame is of {', '.join(sorted(unknown))}.",
            f"Groups: {', '.join(sorted({s.group for s in samples}))}.",
        )
    return (
        [s for s in samples if s.group not in held_out],
        [s for s in samples if s.group in held_out],
    )
