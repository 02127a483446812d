"""From what a labelling tool wrote to the internal form.

Belongs here: opening a folder or zip file, classes, videos, names; what is changed is noted.
Does not belong here: formats (``formats``), judging the result (``checking``).
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.classes import ClassMap, read_class_map
from jarvis_dagster.hockey.datasets.folder import MANIFEST
from jarvis_dagster.hockey.datasets.formats import READERS, Raw, RawPicture, detect_format
from jarvis_dagster.hockey.datasets.model import Dataset, Picture
from jarvis_dagster.hockey.datasets.naming import (
    distinct_names,
    guessed_videos,
    plain_video_name,
)
from jarvis_dagster.hockey.datasets.pictures import inspect
from jarvis_dagster.hockey.datasets.unpack import Limits, unpack
from jarvis_dagster.hockey.detection.evaluation import parse_aspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["Options", "read_dataset"]

_NAMED = 5  # of what is wrong, in a message


@dataclasses.dataclass(frozen=True)
class Options:
    """How a dataset is to be taken."""

    format: str | None = None
    """One of ``READERS``; None looks."""
    class_map: ClassMap | None = None
    """None takes ``classes.yaml`` of the dataset where there is one."""
    video: str | None = None
    """The video of every picture; None takes what the dataset or the names say."""
    aspect: float | None = None
    """True width / height of pictures that are stored stretched."""
    every: int = 1
    """Take every n-th picture of a video: neighbouring frames teach nothing new."""
    skip_missing: bool = False
    """Go on without pictures that are labelled and not there."""
    limits: Limits = dataclasses.field(default_factory=Limits)


@contextlib.contextmanager
def read_dataset(
    source: Path,
    name: str,
    options: Options | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Dataset]:
    """The dataset in a folder or zip file, while the block lasts.

    Raises:
        BadInputError: it cannot be used; the message names the file and what to do.
    """
    options = options or Options()
    with contextlib.ExitStack() as stack:
        folder = source
        if source.is_file():
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="jarvis-dataset-"))
            folder = unpack(source, Path(scratch), options.limits)
        elif not source.is_dir():
            raise BadInputError(f"There is no {source}.", "Name a folder or a zip file.")
        yield _read(folder, name, options, progress)


def _read(
    folder: Path, name: str, options: Options, progress: Callable[[int, int], None] | None
) -> Dataset:
    kind = options.format or detect_format(folder)
    if kind not in READERS:
        raise BadInputError(f"{kind!r} is no format.", f"Use one of {', '.join(READERS)}.")
    raw = READERS[kind](folder)
    notes: dict[str, object] = dict(raw.left_out)
    if raw.missing and not options.skip_missing:
        raise BadInputError(
            f"{len(raw.missing)} pictures are labelled and not there: {_some(raw.missing)}.",
            "Add them, or go on without them by --skip-missing.",
        )
    if not any(picture.labelled for picture in raw.pictures):
        raise BadInputError(
            f"No picture in the {kind} dataset has a label.", "Check where the labels are."
        )
    if raw.missing:
        notes["pictures that are not there"] = len(raw.missing)
    classes, class_map = _classes(folder, raw, options)
    unknown = {
        box[0] for picture in raw.pictures for box in picture.boxes if class_map(box[0]) is None
    }
    if unknown:
        notes["classes left out"] = sorted(unknown)
    rows = _listed(folder)
    videos = _videos(rows, raw, options, name, notes)
    shapes = {picture: _aspect(row, options) for picture, row in rows.items()}
    chosen = _every(raw.pictures, videos, options.every)
    pictures = _pictures(chosen, videos, shapes, class_map, options, notes, progress)
    return Dataset(name, tuple(pictures), classes, source=kind, notes=notes)


def _classes(folder: Path, raw: Raw, options: Options) -> tuple[tuple[str, ...], ClassMap]:
    found = folder / "classes.yaml"
    class_map = options.class_map
    if class_map is None and found.is_file():
        class_map = read_class_map(found)
    if class_map is None:
        own = raw.names if (folder / MANIFEST).is_file() else []  # it was mapped before
        class_map = ClassMap({name: name for name in own})
    return class_map.classes(raw.names), class_map


def _videos(
    rows: dict[str, dict[str, str]],
    raw: Raw,
    options: Options,
    name: str,
    notes: dict[str, object],
) -> dict[Path, str]:
    """The video of each picture: as asked, as listed, as the format says, or by its name."""
    if options.video is not None:
        return {picture.path: plain_video_name(options.video) for picture in raw.pictures}
    listed = {name: row.get("game") or row.get("video") or "" for name, row in rows.items()}
    guessed = guessed_videos([picture.path for picture in raw.pictures], name)
    found: dict[Path, str] = {}
    guesses = 0
    for picture in raw.pictures:
        told = listed.get(picture.path.name) or picture.video
        guesses += told is None
        found[picture.path] = plain_video_name(told or guessed[picture.path])
    if guesses:
        notes["videos guessed from file names"] = guesses
    return found


def _listed(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of ``groups.csv`` by picture: image, video (or game), and perhaps aspect."""
    path = folder / "groups.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        table = csv.DictReader(stream)
        columns = set(table.fieldnames or ())
        if "image" not in columns or not columns & {"game", "video"}:
            raise BadInputError(
                "groups.csv lacks the columns image and video.", "Its first line names them."
            )
        return {
            Path(row["image"] or "").name: {
                key: (row.get(key) or "").strip() for key in ("game", "video", "aspect")
            }
            for row in table
        }


def _aspect(row: dict[str, str], options: Options) -> float | None:
    if options.aspect is not None or not row["aspect"]:
        return options.aspect
    return parse_aspect(row["aspect"])


def _every(pictures: list[RawPicture], videos: dict[Path, str], n: int) -> list[RawPicture]:
    if n < 1:
        raise BadInputError(f"Every {n}-th picture is none.", "Give 1 or more.")
    seen: dict[str, int] = {}
    chosen = []
    for picture in pictures:
        video = videos[picture.path]
        if seen.get(video, 0) % n == 0:
            chosen.append(picture)
        seen[video] = seen.get(video, 0) + 1
    return chosen


def _pictures(
    chosen: list[RawPicture],
    videos: dict[Path, str],
    shapes: dict[str, float | None],
    class_map: ClassMap,
    options: Options,
    notes: dict[str, object],
    progress: Callable[[int, int], None] | None,
) -> list[Picture]:
    names = distinct_names([raw.path for raw in chosen])
    made: dict[tuple[str, str], Picture] = {}
    repeated = outside = 0
    for number, raw in enumerate(chosen, 1):
        sha256, size = inspect(raw.path)
        kinds, boxes, dropped = _boxes(raw, size, class_map)
        outside += dropped
        picture = Picture(
            path=raw.path,
            name=names[raw.path],
            sha256=sha256,
            video=videos[raw.path],
            size_px=size,
            classes=kinds,
            boxes=boxes,
            labelled=raw.labelled,
            aspect=shapes.get(raw.path.name, options.aspect),
        )
        known = made.setdefault((sha256, picture.video), picture)
        if known is not picture:
            repeated += 1
            if picture.labelled and known.labelled and known.lines != picture.lines:
                raise BadInputError(
                    f"{known.path.name} and {picture.path.name} are the same picture with"
                    " different labels.",
                    "Keep one of them.",
                )
            if picture.labelled:
                made[sha256, picture.video] = picture
        if progress:
            progress(number, len(chosen))
    if repeated:
        notes["pictures that were there twice"] = repeated
    if outside:
        notes["boxes without an area in the picture"] = outside
    return list(made.values())


def _boxes(
    raw: RawPicture, size: tuple[int, int], class_map: ClassMap
) -> tuple[tuple[str, ...], NDArray[np.float64], int]:
    """Classes, boxes as shares, and how many boxes have no area inside the picture."""
    scale = np.ones(4)
    if raw.in_pixels:
        stated = raw.stated_px or size
        if min(stated) < 1:
            raise BadInputError(
                f"The labels say that {raw.path.name} is {stated[0]}x{stated[1]} pixels large.",
                "Export them again.",
            )
        if abs(stated[0] / stated[1] / (size[0] / size[1]) - 1) > 0.02:
            raise BadInputError(
                f"{raw.path.name} is {size[0]}x{size[1]} pixels large; its labels say"
                f" {stated[0]}x{stated[1]}.",
                "Export pictures and labels together.",
            )
        scale = np.array([*stated, *stated], np.float64)
    kinds, boxes, dropped = [], [], 0
    for name, *sides in raw.boxes:
        kind = class_map(name)
        if kind is None:
            continue
        box = np.array(sides, np.float64) / scale
        shown = box.clip(0, 1)
        if not np.isfinite(box).all() or min(shown[2] - shown[0], shown[3] - shown[1]) < 5e-7:
            dropped += 1
            continue
        kinds.append(kind)
        boxes.append(box)
    return tuple(kinds), np.array(boxes, np.float64).reshape(-1, 4), dropped


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(name[:80] for name in names[:_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )
