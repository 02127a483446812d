"""A labelling task: chosen frames as pictures, labelled as Jarvis sees them.

Belongs here: pictures of frames, their labels from the tables, the task's own record. Does
not belong here: choosing frames (``selection``), file formats (``hockey/datasets``), drives.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.exporting import export_dataset
from jarvis_dagster.hockey.datasets.model import VERSION_DIGITS, Dataset, Picture
from jarvis_dagster.hockey.datasets.pictures import inspect
from jarvis_dagster.hockey.datasets.sheets import example_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.review.selection import Choice
    from jarvis_dagster.hockey.review.signals import VideoTables

__all__ = ["Task", "labels_of", "make_task", "packed", "prelabelled", "read_images", "write_task"]

_PEOPLE = ("player", "goalkeeper", "referee")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_README = """\
{count} frames to label, chosen because Jarvis is least sure of them. task.json says why of each;
overview.jpg shows them as Jarvis labels them now.

With CVAT: make a project, "Import dataset", format "CVAT 1.1", file cvat.zip. Correct the boxes
and their labels. "Export dataset", format "CVAT for images 1.1", and put that file into this
folder, under any name.

With any tool that reads YOLO: correct the files in yolo/labels where they are.

A box is tight around body and skates, without the stick. Label everybody on the ice, also those
half hidden; nobody on a bench or in the stands. Jarvis reads what comes back, says how far it
agreed, and keeps it for training.
"""


@dataclasses.dataclass(frozen=True)
class Task:
    """Frames to label.

    Attributes:
        dataset: The pictures with the labels that Jarvis gives them.
        items: For each picture: video, frame, time, worth, reasons.
    """

    dataset: Dataset
    items: tuple[dict[str, Any], ...]

    @property
    def id(self) -> str:
        """The same for the same pictures and labels."""
        return f"review-{self.dataset.version[:VERSION_DIGITS]}"

    @property
    def record(self) -> dict[str, Any]:
        """What ``task.json`` holds."""
        return {
            "task": self.id,
            "classes": list(self.dataset.classes),
            "items": list(self.items),
        }


def read_images(path: Path, frames: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The pictures of some frames of a video, in their order; each is sought."""
    from jarvis_dagster.hockey.video import read_frame

    for frame in sorted(frames):
        yield frame, read_frame(path, frame).image


def prelabelled(
    video: VideoTables, choice: Choice, picture: Path
) -> tuple[Picture, dict[str, Any]]:
    """A chosen frame with the labels that Jarvis gives it; the picture gets its name by them."""
    one = choice.candidate
    name = f"{video.key}_{one.frame:07d}.jpg"
    path = picture.rename(picture.with_name(name))
    made = labels_of(video, one.frame, path, inspect(path)[0])
    rows = video.detections[video.detections["frame"] == one.frame]
    boxes = rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    item = {
        "picture": name,
        "sha256": made.sha256,
        "video": video.key,
        "video_name": video.name,
        "frame": one.frame,
        "pts_s": round(one.pts_s, 3),
        "worth": round(choice.worth, 3),
        "signs": {kind: round(value, 2) for kind, value in one.signs.items()},
        "reasons": list(one.reasons),
        "model_version": video.model_version,
        "boxes": [
            {
                "class": kind,
                "score": round(float(score), 3),
                "box_px": [round(float(v), 1) for v in b],
            }
            for kind, score, b in zip(made.classes, rows["score"], boxes, strict=True)
        ],
    }
    return made, item


def labels_of(video: VideoTables, frame: int, path: Path, sha256: str) -> Picture:
    """A frame with the boxes of the detector and the roles of their tracks."""
    rows = video.detections[video.detections["frame"] == frame]
    boxes = rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    size = video.width_px, video.height_px
    shares = (boxes / np.array(size * 2, np.float64)).clip(0, 1)
    return Picture(path, path.name, sha256, video.key, size, tuple(_roles(video, rows)), shares)


def _roles(video: VideoTables, rows: pd.DataFrame) -> list[str]:
    """The role of each box: its track's where that is known, else the box's own."""
    own = [str(kind) for kind in rows["class"]]
    if "detection_row" not in video.tracks.columns:
        return own
    tracks = video.tracks[(video.tracks["role"] != "unknown")]
    role_of = dict(zip(tracks["detection_row"].tolist(), tracks["role"].tolist(), strict=True))
    return [
        kind if kind == "puck" else str(role_of.get(int(row), kind))
        for row, kind in zip(rows.index, own, strict=True)
    ]


def make_task(pictures: Iterable[Picture], items: Iterable[dict[str, Any]]) -> Task:
    """The task of these pictures.

    Raises:
        BadInputError: there are none.
    """
    pictures = tuple(pictures)
    if not pictures:
        raise BadInputError(
            "There is no frame to label: no video is analysed, or all that would teach something"
            " is labelled.",
            "Analyse a video (`jarvis run`), or allow frames nearer to each other.",
        )
    used = {kind for picture in pictures for kind in picture.classes}
    classes = _PEOPLE + (("puck",) if "puck" in used else ())
    return Task(Dataset("review", pictures, classes, source="jarvis"), tuple(items))


def write_task(task: Task, folder: Path) -> dict[str, Path]:
    """The task's files, by their names in its folder of the drive."""
    yolo = export_dataset(task.dataset, "yolo", folder / "yolo")
    (yolo / "dataset.json").unlink(missing_ok=True)  # it would be wrong once labels are corrected
    cvat = export_dataset(task.dataset, "cvat", folder / "cvat")
    archive = packed(cvat, folder / "cvat.zip")
    record, readme = folder / "task.json", folder / "README.txt"
    text = json.dumps(task.record, indent=1, ensure_ascii=False, sort_keys=True)
    record.write_text(text + "\n", "utf-8")
    readme.write_text(_README.format(count=len(task.items)), "utf-8")
    overview = folder / "overview.jpg"
    overview.write_bytes(example_sheet(task.dataset.pictures[:30]))
    files = {path.name: path for path in (archive, record, readme, overview)}
    for path in sorted(yolo.rglob("*")):
        if path.is_file():
            files[f"yolo/{path.relative_to(yolo).as_posix()}"] = path
    return files


def packed(folder: Path, archive: Path) -> Path:
    """A zip file that depends on names and contents alone: the same task, the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _LONG_AGO)
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, path.read_bytes())
    return archive
