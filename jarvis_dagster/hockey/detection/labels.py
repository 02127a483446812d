"""Label files as labelling tools write them.

Belongs here: YOLO text, polygons, class names, the pictures of a folder.
Does not belong here: what is done with labels (evaluation here, ``hockey/training``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tables import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "GOAL_NAMES",
    "IMAGE_SUFFIXES",
    "NAME_TO_CLASS",
    "ROLES",
    "class_index",
    "class_names",
    "find_images",
    "label_rows",
    "parse_labels",
]

ROLES = CLASSES[:3]
"""The classes that are people, in the order of the network's role logits."""

NAME_TO_CLASS = {
    "player": "player",
    "players": "player",
    "player_cheering": "player",
    "skater": "player",
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

GOAL_NAMES = ("goal", "goalpost", "goal_post", "net", "goal_net")
"""Names for the whole goal in labelling tools; "goalPost" boxes enclose the net, too."""

_MOST_CLASSES = 1000
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
"""Lower case endings of the names of pictures that are read."""


def find_images(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, by name.

    Raises:
        BadInputError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadInputError(f"There is no folder {folder}.", "Pass a folder with pictures.")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise BadInputError(f"No picture in {folder}.", "JPEG, PNG, BMP and WebP are read.")
    return found


def class_names(folders: Sequence[Path]) -> list[str]:
    """Names by class number, of the first ``data.yaml``, ``classes.txt`` or ``obj.names`` found.

    Without such a file the project's own order: player, goalkeeper, referee, puck.

    Raises:
        BadInputError: a ``data.yaml`` without names.
    """
    for folder in folders:
        found = _names_in(folder)
        if found:
            return found
    return list(CLASSES)


def class_index(names: Sequence[str]) -> dict[int, int]:
    """Class number in the labels to index into ``tables.CLASSES``; other classes are left out."""
    known = [NAME_TO_CLASS.get(name.strip().lower().replace(" ", "_")) for name in names]
    return {number: CLASSES.index(name) for number, name in enumerate(known) if name}


def _names_in(folder: Path) -> list[str] | None:
    for name in ("data.yaml", "data.yml"):
        if (folder / name).is_file():
            import yaml

            try:
                content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
            except (UnicodeDecodeError, yaml.YAMLError) as error:
                raise BadInputError(f"{folder / name} is broken YAML.", "Mend it.") from error
            names = content.get("names") if isinstance(content, dict) else None
            if isinstance(names, dict) and names.keys() <= set(range(_MOST_CLASSES)):
                return [str(names.get(i, "")) for i in range(max(names, default=-1) + 1)]
            if isinstance(names, list):
                return [str(item) for item in names]
            raise BadInputError(f"{folder / name} has no list of names.", "Add `names: [...]`.")
    for name in ("classes.txt", "obj.names"):
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            return [line.strip() for line in lines if line.strip()]
    return None


def parse_labels(text: str, where: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """YOLO lines to class indices (N,) and boxes (N, 4) as shares, x1 y1 x2 y2.

    A line holds a class and either ``cx cy w h`` or a polygon ``x1 y1 x2 y2 x3 y3 ...``,
    of which the enclosing box is taken.

    Raises:
        BadInputError: a line that is neither; ``where`` names the file.
    """
    rows = label_rows(text, where)
    boxes = np.array([row[1:] for row in rows], np.float32).reshape(-1, 4)
    return np.array([row[0] for row in rows], np.int64), boxes.clip(0, 1)


def label_rows(text: str, where: str) -> list[tuple[int, float, float, float, float]]:
    """Class, x1, y1, x2, y2 of each line as it stands there, over the edge where it is."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            kind, values = int(float(parts[0])), [float(part) for part in parts[1:]]
        except (ValueError, OverflowError):
            values = []
            kind = -1
        if not np.isfinite(values).all():
            values = []
        if len(values) == 4:
            x, y, w, h = values
            rows.append((kind, x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        elif len(values) >= 6 and len(values) % 2 == 0:
            xs, ys = values[::2], values[1::2]
            rows.append((kind, min(xs), min(ys), max(xs), max(ys)))
        else:
            raise BadInputError(
                f"{where}, line {number} is not a YOLO label: {line[:60]!r}.",
                "A line is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`.",
            )
    return rows
