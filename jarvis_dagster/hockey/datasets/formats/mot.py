"""MOTChallenge sequences with their frames, and CVAT's MOT export.

Belongs here: ``gt/gt.txt``, ``seqinfo.ini``, ``labels.txt``. Does not belong here: tracks; a
dataset of pictures keeps the boxes and forgets who is who.
"""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.formats.base import Raw, RawPicture
from jarvis_dagster.hockey.datasets.pictures import find_pictures

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_here", "read"]

_PEDESTRIAN = "player"
"""What class 1 means where no ``labels.txt`` says otherwise."""
_OTHER_CLASS = "class_{}"


def is_here(folder: Path) -> bool:
    """Whether there is a sequence: ``gt/gt.txt`` with frames beside it."""
    return next(folder.rglob("gt/gt.txt"), None) is not None


def read(folder: Path) -> Raw:
    """Read every sequence in ``folder``; each is a video.

    Raises:
        BadInputError: a broken row, or a sequence without frames.
    """
    raw = Raw([], [])
    for truth in sorted(folder.rglob("gt/gt.txt")):
        _read_sequence(truth, folder, raw)
    return raw


def _read_sequence(truth: Path, root: Path, raw: Raw) -> None:
    sequence = truth.parent.parent
    where = str(truth.relative_to(root))
    labels = truth.parent / "labels.txt"
    names = _names(labels)
    first_px = 0 if labels.is_file() else 1  # MOTChallenge counts from 1, CVAT's export from 0
    frames = _frames(sequence)
    if not frames:
        raise BadInputError(
            f"{sequence.name} has labels and no frames.", "Put its frames into img1/000001.jpg."
        )
    video = sequence.name if sequence != root else None
    pictures = {
        number: RawPicture(path, [], in_pixels=True, video=video) for number, path in frames.items()
    }
    lost: set[int] = set()
    for number, line in enumerate(truth.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            cells = [float(cell) for cell in line.split(",")]
            frame, (x, y, width, height) = int(cells[0]), cells[2:6]
        except (ValueError, IndexError, OverflowError) as error:
            raise BadInputError(
                f"{where}, line {number} is not a MOT row: {line[:60]!r}.",
                "A row is frame,id,x,y,w,h,use,class,visibility.",
            ) from error
        if len(cells) > 6 and cells[6] == 0:
            raw.leave_out("rows that are marked as not to be used")
            continue
        kind = int(cells[7]) if len(cells) > 7 else 1
        if frame not in pictures:
            lost.add(frame)
            continue
        name = names.get(kind, _OTHER_CLASS.format(kind))
        if name not in raw.names:
            raw.names.append(name)
        x, y = x - first_px, y - first_px
        pictures[frame].boxes.append((name, x, y, x + width, y + height))
    raw.names += [name for name in names.values() if name not in raw.names]
    raw.pictures += [pictures[number] for number in sorted(pictures)]
    raw.missing += [f"{sequence.name}/img1/{number:06d}" for number in sorted(lost)]


def _names(path: Path) -> dict[int, str]:
    """Class names by number: CVAT writes a line a class."""
    if not path.is_file():
        return {1: _PEDESTRIAN}
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}


def _frames(sequence: Path) -> dict[int, Path]:
    folder = "img1"
    info = sequence / "seqinfo.ini"
    if info.is_file():
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(info.read_text("utf-8", errors="replace"))
        except configparser.Error as error:
            raise BadInputError(
                f"{sequence.name}/seqinfo.ini is broken ({error}).", "Export it again."
            ) from error
        folder = parser.get("Sequence", "imDir", fallback=folder)
    place = sequence / folder
    if not place.resolve().is_relative_to(sequence.resolve()) or not place.is_dir():
        return {}
    return {int(path.stem): path for path in find_pictures(place) if path.stem.isdecimal()}
