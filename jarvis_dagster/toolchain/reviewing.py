"""Labelling tasks in the store, and what comes back from them.

Belongs here: keeping tasks, completing what a tool exported without its pictures, what a
person changed, the dataset of everything corrected. Does not belong here: choosing frames
(``hockey/review``), formats (``hockey/datasets``), drives.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.hockey.datasets import Dataset, open_dataset, read_dataset, write_dataset
from jarvis_dagster.hockey.datasets.classes import KNOWN
from jarvis_dagster.hockey.datasets.pictures import find_pictures
from jarvis_dagster.hockey.datasets.unpack import unpack
from jarvis_dagster.hockey.review.agreement import Agreement, agreement_of, compare
from jarvis_dagster.hockey.review.tasks import packed

if TYPE_CHECKING:
    from jarvis_dagster.hockey.datasets import Picture
    from jarvis_dagster.hockey.review.tasks import Task
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.toolchain.store import DatasetStore, StoredDataset

__all__ = ["CORRECTED", "DONE_NAME", "KnownTask", "Returned", "ReviewTasks", "read_back"]

CORRECTED = "corrected"
"""The dataset of all frames that came back."""
DONE_NAME = "done.txt"
_COMPONENT = "review"
_XML_NAME = re.compile(r'<image[^>]*\bname="([^"]+)"')
_MOST_XML_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class KnownTask:
    """A task that was made before."""

    id: str
    item_id: str
    pictures: frozenset[str]
    frames: tuple[tuple[str, float, str], ...] = ()
    """Video, seconds and picture of each."""


class ReviewTasks:
    """The labelling tasks of one object store."""

    def __init__(self, storage: JarvisStorageService) -> None:
        self._storage = storage

    def save(self, task: Task) -> str:
        """Keep a task with its pictures and labels; the same task is kept once."""
        with tempfile.TemporaryDirectory(prefix="jarvis-review-") as scratch:
            folder = write_dataset(task.dataset, Path(scratch) / "task")
            (folder / "task.json").write_text(json.dumps(task.record, sort_keys=True), "utf-8")
            archive = packed(folder, Path(scratch) / f"{task.id}.zip")
            frames = [[item["video"], item["pts_s"], item["picture"]] for item in task.items]
            pictures = [picture.name for picture in task.dataset.pictures]
            about = {"task": task.id, "pictures": pictures, "frames": frames}
            return self._storage.store("datasets", archive, about, _COMPONENT, name=archive.name)

    def known(self) -> list[KnownTask]:
        """Every task, the newest first."""
        return [
            KnownTask(
                row["metadata"]["task"],
                row["id"],
                frozenset(row["metadata"]["pictures"]),
                tuple((v, float(s), p) for v, s, p in row["metadata"].get("frames", ())),
            )
            for row in self._storage.list_stored("datasets", _COMPONENT)
            if "task" in row["metadata"]
        ]

    def fetch(self, task: KnownTask, folder: Path) -> tuple[Dataset, list[dict[str, Any]]]:
        """The pictures of a task as Jarvis labelled them, in a new folder, and its items."""
        archive = folder.with_suffix(".zip")
        if not self._storage.retrieve(task.item_id, archive, "datasets"):
            raise PermanentError(f"The task {task.id} was removed.", "Restore it from the trash.")
        unpack(archive, folder)
        archive.unlink()
        items = json.loads((folder / "task.json").read_text("utf-8"))["items"]
        return open_dataset(folder), items


@dataclasses.dataclass(frozen=True)
class Returned:
    """What came back.

    Attributes:
        tasks: Whose frames there are.
        frames: Video, seconds and picture of each frame that was taken.
        total, by_video: How far Jarvis agreed with the person.
        unchanged: Frames left out, as nobody touched their label file.
        foreign: Pictures of no task, left out.
        dataset: All corrected frames so far; None where nothing was taken.
    """

    tasks: tuple[str, ...]
    frames: tuple[tuple[str, float, str], ...]
    total: Agreement
    by_video: dict[str, Agreement]
    unchanged: int
    foreign: int
    dataset: StoredDataset | None
    is_new: bool


def read_back(source: Path, tasks: ReviewTasks, store: DatasetStore) -> Returned:
    """Take the corrected labels of a CVAT or YOLO export, or of a YOLO folder.

    In a YOLO folder that was corrected where it is, only label files that differ from what
    Jarvis wrote count, until a file ``done.txt`` beside them says that all were looked at.

    Raises:
        BadInputError: it cannot be read, or holds no frame of a task; names the file.
    """
    with tempfile.TemporaryDirectory(prefix="jarvis-review-") as scratch:
        folder = _completed(source, tasks, Path(scratch))
        in_place = source.is_dir() and not any(folder.rglob(DONE_NAME))
        with read_dataset(folder, CORRECTED) as found:
            return _taken(found, tasks, store, Path(scratch), in_place=in_place)


def _taken(
    found: Dataset, tasks: ReviewTasks, store: DatasetStore, scratch: Path, *, in_place: bool
) -> Returned:
    left = {Path(picture.path.name).stem: picture for picture in found.labelled}
    corrected: list[Picture] = []
    frames: list[tuple[str, float, str]] = []
    by_video: dict[str, list[Agreement]] = {}
    names: list[str] = []
    unchanged = 0
    for number, task in enumerate(tasks.known()):
        mine = left.keys() & {PurePosixPath(name).stem for name in task.pictures}
        if not mine:
            continue
        names.append(task.id)
        before, items = tasks.fetch(task, scratch / f"task-{number}")
        seconds = {item["picture"]: float(item["pts_s"]) for item in items}
        for old in before.pictures:
            new = left.pop(PurePosixPath(old.name).stem, None)
            if new is None:
                continue
            if in_place and new.lines == old.lines:
                unchanged += 1
                continue
            # The picture itself stays what it was: a tool may have written it anew.
            corrected.append(dataclasses.replace(old, classes=new.classes, boxes=new.boxes))
            frames.append((old.video, seconds.get(old.name, 0.0), old.name))
            by_video.setdefault(old.video, []).append(compare(old, corrected[-1]))
    if not names:
        raise BadInputError(
            f"None of the {len(found.pictures)} pictures is of a review task.",
            "Labels of other pictures are taken by `jarvis dataset import`.",
        )
    stored, is_new = _saved(corrected, found, store) if corrected else (None, False)
    each = {video: agreement_of(parts) for video, parts in by_video.items()}
    return Returned(
        tuple(names),
        tuple(frames),
        agreement_of(each.values()),
        each,
        unchanged,
        len(left),
        stored,
        is_new,
    )


def _saved(
    corrected: list[Picture], found: Dataset, store: DatasetStore
) -> tuple[StoredDataset, bool]:
    """The next version of everything corrected: what was there, and these in place of theirs."""
    pictures: dict[str, Picture] = {}
    classes = set(found.classes)
    if store.list(CORRECTED):
        before = store.fetch(CORRECTED)
        pictures = {picture.name: picture for picture in before.pictures}
        classes |= set(before.classes)
    pictures |= {picture.name: picture for picture in corrected}
    ordered = [kind for kind in KNOWN if kind in classes] + sorted(classes - set(KNOWN))
    chosen = tuple(pictures[name] for name in sorted(pictures))
    return store.save(Dataset(CORRECTED, chosen, tuple(ordered), source="review"))


def _completed(source: Path, tasks: ReviewTasks, scratch: Path) -> Path:
    """A folder with the labels of ``source`` and, where it has none, the pictures of its tasks."""
    folder = scratch / "labels"
    if source.is_dir():
        if any(True for _ in find_pictures(source)):
            return source
        shutil.copytree(source, folder)
    elif source.suffix.lower() == ".xml":
        folder.mkdir()
        shutil.copyfile(source, folder / "annotations.xml")
    else:
        unpack(source, folder)
    if any(True for _ in find_pictures(folder)):
        return folder
    places = _places(folder)
    for number, task in enumerate(tasks.known()):
        wanted = {name for name in task.pictures if PurePosixPath(name).stem in places}
        if wanted:
            before, _ = tasks.fetch(task, scratch / f"pictures-{number}")
            for picture in before.pictures:
                place = places.pop(PurePosixPath(picture.name).stem, None)
                if place is not None:
                    place.mkdir(exist_ok=True)
                    shutil.copyfile(picture.path, place / picture.name)
    return folder


def _places(folder: Path) -> dict[str, Path]:
    """Where a picture has to lie for its labels to be found, by its name without extension."""
    found: dict[str, Path] = {}
    for path in folder.rglob("*.txt"):
        beside = path.parent.parent / "images" if path.parent.name == "labels" else path.parent
        found[path.stem] = beside
    for path in folder.rglob("*.xml"):
        if path.stat().st_size <= _MOST_XML_BYTES:
            text = path.read_text("utf-8", errors="replace")
            for name in _XML_NAME.findall(text):
                found[PurePosixPath(name.replace("\\", "/")).stem] = path.parent
    return found
