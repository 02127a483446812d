"""What labelling tools write: which format a folder is of, and its reader.

Belongs here: telling formats apart. Does not belong here: any format, class names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.formats import coco, cvat, mot, yolo
from jarvis_dagster.hockey.datasets.formats.base import Raw, RawPicture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["READERS", "Raw", "RawPicture", "detect_format"]

READERS: dict[str, Callable[[Path], Raw]] = {
    "mot": mot.read,
    "cvat": cvat.read,
    "coco": coco.read,
    "yolo": yolo.read,
}
"""In the order in which they are looked for; Roboflow exports are YOLO or COCO."""

_LOOKS = {"mot": mot.is_here, "cvat": cvat.is_here, "coco": coco.is_here, "yolo": yolo.is_here}


def detect_format(folder: Path) -> str:
    """The format of the dataset in ``folder``.

    Raises:
        BadInputError: none of the known ones.
    """
    for name, is_here in _LOOKS.items():
        if is_here(folder):
            return name
    raise BadInputError(
        f"{folder} holds no dataset of a known format.",
        "YOLO (data.yaml and label files), COCO (JSON), CVAT (annotations.xml) and MOT"
        " (gt/gt.txt with img1) are read.",
    )
