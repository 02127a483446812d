"""What is wrong, or looks wrong, with a dataset.

Belongs here: the findings and the figures. Does not belong here: the page that shows them
(``pages``), mending anything.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jarvis_dagster.hockey.datasets.duplicates import find_near_copies, linked_videos
from jarvis_dagster.hockey.detection.overlap import overlaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.datasets.duplicates import NearCopies
    from jarvis_dagster.hockey.datasets.model import Dataset, Picture

__all__ = ["Finding", "Report", "check_dataset"]

Severity = Literal["error", "warning", "note"]
_PEOPLE = ("player", "goalkeeper", "referee")
_TINY_PX = 8
"""Height of a person of whom nothing can be learned; pucks are smaller by nature."""
_TINY_PUCK_PX = 2
_OVER_EDGE = 0.02
_SAME_IOU = 0.9
_FLAT = 3.0
_RARE = 20
_MOST_SHARE = 0.9
_MOST_PEOPLE = 40


@dataclasses.dataclass(frozen=True)
class Finding:
    """One kind of fault, with the pictures that have it."""

    name: str
    severity: Severity
    what: str
    remedy: str
    count: int
    pictures: tuple[str, ...] = ()
    """Names, the first ones."""


@dataclasses.dataclass(frozen=True)
class Report:
    """The findings, worst first, and figures of the dataset."""

    findings: tuple[Finding, ...]
    figures: dict[str, Any]
    copies: NearCopies

    @property
    def usable(self) -> bool:
        """Whether nothing is an error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """For ``report.json``."""
        return {
            "usable": self.usable,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            **self.figures,
        }


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Report:
    """Look at every box and every picture."""
    copies = find_near_copies(dataset.pictures, progress)
    findings = [
        *_boxes(dataset),
        *_pictures(dataset),
        *_balance(dataset),
        *_copies(dataset, copies),
        *_reading(dataset),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: (order[finding.severity], -finding.count))
    return Report(tuple(findings), _figures(dataset, copies), copies)


def _finding(
    name: str, severity: Severity, what: str, remedy: str, hits: list[str]
) -> Iterator[Finding]:
    if hits:
        distinct = tuple(dict.fromkeys(hits))[:50]
        yield Finding(name, severity, what.format(n=len(hits)), remedy, len(hits), distinct)


def _boxes(dataset: Dataset) -> Iterator[Finding]:
    tiny, odd, outside, twice, crowded = [], [], [], [], []
    for picture in dataset.labelled:
        size = _true_size(picture)
        sides = (picture.boxes[:, 2:] - picture.boxes[:, :2]) * size
        for kind, (width, height) in zip(picture.classes, sides, strict=True):
            least = _TINY_PUCK_PX if kind == "puck" else _TINY_PX
            if max(width, height) < least:
                tiny.append(picture.name)
            elif kind in _PEOPLE and not 0.1 < width / max(height, 1e-9) < 4:
                odd.append(picture.name)
        over = (picture.boxes < -_OVER_EDGE) | (picture.boxes > 1 + _OVER_EDGE)
        outside += [picture.name] * int(over.any(1).sum())
        twice += [picture.name] * _same(picture)
        if sum(kind in _PEOPLE for kind in picture.classes) > _MOST_PEOPLE:
            crowded.append(picture.name)
    yield from _finding(
        "tiny_boxes", "warning", "{n} boxes are too small to learn from",
        "Remove them, or label larger pictures.", tiny,
    )  # fmt: skip
    yield from _finding(
        "degenerate_boxes", "warning", "{n} people are boxed as lines",
        "Draw their boxes again.", odd,
    )  # fmt: skip
    yield from _finding(
        "boxes_over_the_edge", "warning", "{n} boxes reach out of their picture",
        "Often the pictures were cropped or resized after labelling: look at the example.", outside,
    )  # fmt: skip
    yield from _finding(
        "duplicate_boxes", "error", "{n} boxes are there twice",
        "Remove one of each pair; a person with two roles teaches neither.", twice,
    )  # fmt: skip
    yield from _finding(
        "crowds", "warning", f"{{n}} pictures have more than {_MOST_PEOPLE} people boxed",
        "Spectators and benches are not labelled; only who is on the ice.", crowded,
    )  # fmt: skip


def _true_size(picture: Picture) -> NDArray[np.float64]:
    width, height = picture.size_px
    return np.array([width if picture.aspect is None else height * picture.aspect, height], float)


def _same(picture: Picture) -> int:
    """How many boxes of people lie on another one."""
    people = [i for i, kind in enumerate(picture.classes) if kind in _PEOPLE]
    if len(people) < 2:
        return 0
    boxes = picture.boxes[people].astype(np.float32)
    iou = np.triu(overlaps(boxes, boxes)[0], 1)
    return int((iou > _SAME_IOU).any(0).sum())


def _pictures(dataset: Dataset) -> Iterator[Finding]:
    from jarvis_dagster.hockey.datasets.pictures import small_grey

    unlabelled = [p.name for p in dataset.pictures if not p.labelled]
    empty = [p.name for p in dataset.labelled if not p.classes]
    flat = [p.name for p in dataset.pictures if float(small_grey(p.path).std()) < _FLAT]
    square = [p.name for p in dataset.pictures if p.aspect is None and p.size_px[0] == p.size_px[1]]
    yield from _finding(
        "unlabelled_pictures", "note", "{n} pictures have no label and are not trained on",
        "Label them; where nobody is on the ice, add an empty label.", unlabelled,
    )  # fmt: skip
    yield from _finding(
        "empty_pictures", "note", "{n} pictures are labelled as empty",
        "Right for crowd shots and graphics.", empty,
    )  # fmt: skip
    yield from _finding(
        "flat_pictures", "warning", "{n} pictures are of one colour",
        "Remove them: black frames and fades teach nothing.", flat,
    )  # fmt: skip
    if len(square) > len(dataset.pictures) / 2:
        yield from _finding(
            "stretched_pictures", "warning", "{n} pictures are square, as if stretched",
            "Import them with --aspect 16:9 if the footage was wide.", square,
        )  # fmt: skip


def _balance(dataset: Dataset) -> Iterator[Finding]:
    counts = dataset.summary()["classes"]
    for kind in _PEOPLE:
        if counts.get(kind, 0) < _RARE:
            yield Finding(
                "rare_class", "warning",
                f"There are {counts.get(kind, 0)} boxes of class {kind}",
                f"Label more; under {_RARE} a class can neither be learned nor judged.",
                counts.get(kind, 0),
            )  # fmt: skip
    videos = dataset.summary()["videos"]
    if len(videos) < 2:
        yield Finding(
            "one_video", "error", f"All pictures are of one video, {dataset.videos[0]}",
            "Add another game, or say which picture is of which video in groups.csv: without"
            " that nothing can be evaluated.", 1,
        )  # fmt: skip
    elif max(videos.values()) > _MOST_SHARE * sum(videos.values()):
        name = max(videos, key=lambda video: videos[video])
        yield Finding(
            "one_video_dominates", "warning",
            f"{videos[name]} of {sum(videos.values())} pictures are of {name}",
            "Add frames of other games rather than more of this one.", videos[name],
        )  # fmt: skip


def _copies(dataset: Dataset, copies: NearCopies) -> Iterator[Finding]:
    pairs = [
        f"{pair.a.name} ({pair.a.video}) and {pair.b.name} ({pair.b.video})"
        for pair in copies.across
    ]
    if pairs:
        groups = [g for g in linked_videos(copies, dataset.videos) if len(g) > 1]
        together = "; ".join(" + ".join(group) for group in groups)
        yield Finding(
            "near_copies_across_videos", "warning",
            f"{len(pairs)} pairs of near copies are of different videos",
            f"A split keeps these together: {together}.", len(pairs), tuple(pairs[:50]),
        )  # fmt: skip
    if copies.within > len(dataset.pictures):
        yield Finding(
            "near_copies_within_videos", "note",
            f"{copies.within} pairs of pictures of one video are near copies",
            "Take frames a few seconds apart (--every): near copies teach nothing new.",
            copies.within,
        )  # fmt: skip


def _reading(dataset: Dataset) -> Iterator[Finding]:
    for what, how_many in dataset.notes.items():
        listed = how_many if isinstance(how_many, list) else []
        count = len(listed) if listed else int(how_many)
        said = f"{what}: {', '.join(map(str, listed))}" if listed else f"{count} {what}"
        yield Finding("import", "note", said, "Noted when it was imported.", count)


def _figures(dataset: Dataset, copies: NearCopies) -> dict[str, Any]:
    heights: dict[str, list[float]] = {kind: [] for kind in dataset.classes}
    for picture in dataset.labelled:
        tall = (picture.boxes[:, 3] - picture.boxes[:, 1]) * picture.size_px[1]
        for kind, height in zip(picture.classes, tall, strict=True):
            heights[kind].append(float(height))
    return {
        "name": dataset.name,
        "source": dataset.source,
        **dataset.summary(),
        "boxes_by_video": dataset.counts(),
        "height_px": {
            kind: [round(float(q), 1) for q in np.percentile(values, (5, 50, 95))]
            for kind, values in heights.items()
            if values
        },
        "near_copies": {
            "across_videos": len(copies.across),
            "within_videos": copies.within,
            "videos_that_share_pictures": [
                list(group) for group in linked_videos(copies, dataset.videos) if len(group) > 1
            ],
        },
    }
