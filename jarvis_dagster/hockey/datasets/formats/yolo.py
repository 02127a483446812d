"""YOLO text labels, as Ultralytics, Roboflow, CVAT, Label Studio and Darknet lay them out.

Belongs here: which label file is of which picture. Does not belong here: a label file's lines
(``detection.labels``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.formats.base import Raw, RawPicture
from jarvis_dagster.hockey.datasets.pictures import find_pictures
from jarvis_dagster.hockey.detection.labels import class_names, label_rows

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_here", "read"]

_NAMES = ("data.yaml", "data.yml", "classes.txt", "obj.names")
_NO_LABELS = {"train.txt", "valid.txt", "test.txt", "classes.txt", "obj.names"}


def is_here(folder: Path) -> bool:
    """Whether there are label files of pictures, or a list of classes."""
    if any(True for name in _NAMES if next(folder.rglob(name), None)):
        return True
    return any(_label_of(picture, folder) is not None for picture in find_pictures(folder))


def read(folder: Path) -> Raw:
    """Read the export in ``folder``, its parts (train, valid, test) together.

    Raises:
        BadInputError: a broken label file, or a class number without a name.
    """
    names = class_names(_places(folder))
    raw = Raw([], names)
    for path in find_pictures(folder):
        label = _label_of(path, folder)
        picture = RawPicture(path, [], labelled=label is not None)
        raw.pictures.append(picture)
        if label is None:
            continue
        where = str(label.relative_to(folder))
        for kind, x1, y1, x2, y2 in label_rows(_text(label, where), where):
            if not 0 <= kind < len(names):
                raise BadInputError(
                    f"{where} has the class number {kind}; there are {len(names)} names.",
                    "Add the missing names to data.yaml.",
                )
            picture.boxes.append((names[kind], x1, y1, x2, y2))
    labels = {p for p in folder.rglob("*.txt") if p.parent.name == "labels"}
    known = {_label_of(picture.path, folder) for picture in raw.pictures}
    raw.missing = sorted(str(p.relative_to(folder)) for p in labels - known)
    return raw


def _places(folder: Path) -> list[Path]:
    """Folders that may hold the list of classes, the outermost first."""
    found = {path.parent for name in _NAMES for path in folder.rglob(name)}
    return sorted(found, key=lambda path: (len(path.parts), str(path)))


def _label_of(picture: Path, root: Path) -> Path | None:
    """The label file of a picture: in ``labels`` beside ``images``, or beside the picture."""
    name = f"{picture.stem}.txt"
    inner = picture.relative_to(root).parts[:-1]
    for index in range(len(inner) - 1, -1, -1):
        if inner[index] == "images":
            beside = root.joinpath(*inner[:index], "labels", *inner[index + 1 :], name)
            if beside.is_file():
                return beside
    own = picture.with_suffix(".txt")
    return own if own.is_file() and own.name not in _NO_LABELS else None


def _text(label: Path, where: str) -> str:
    try:
        return label.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(f"{where} is not a text file.", "Export the labels again.") from error
