"""What parameters are tried on: frozen pictures, with labels or in pairs.

Belongs here: figures of a detector with parameters on such pictures, video by video. Does not
belong here: choosing parameters (``search``), comparing two (``shadow``).

Labelled pictures tell F1: 2 right / (2 right + missed + wrong), people at IoU 0.5, at the least
score in force. Frozen games were filmed in the light of their day; *relit*, they look as the light
of a camera has changed, and keep their labels. Pairs without labels tell how many people are found
in both pictures, less half of those found in one alone, beside how many people the reference's
videos show: it rises when people are found again, not when the detector is only bolder.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Protocol

import numpy as np

from jarvis_dagster.hockey.adaptation.parameters import BOUNDS, Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.adaptation.moments import Pair
    from jarvis_dagster.hockey.datasets import Picture
    from jarvis_dagster.hockey.detection import Detections, Detector
    from jarvis_dagster.hockey.promotion import FrozenGames

__all__ = [
    "Eyes",
    "Labelled",
    "LabelledVideos",
    "Material",
    "PairedVideos",
    "labelled_videos",
    "picture_videos",
]

_LONGEST_PX = 960
_SAME_IOU = 0.3
"""People of two pictures a tenth of a second apart overlap at least so much."""


_MOTION_PX = 320
_LEAST_RESPONSE = 0.05


class Eyes:
    """A detector that looks with any parameters.

    Args:
        model: As of ``load_detector``.
        least: Score threshold where the parameters name none; None is the model's own.
    """

    def __init__(
        self, model: Path | None = None, threads: int | None = None, least: float | None = None
    ) -> None:
        from jarvis_dagster.hockey.detection import load_detector

        own = load_detector(model, threads=threads, score_threshold=least)
        self.version, self.least = own.version, own.score_threshold
        lowest = min(BOUNDS["score_threshold"].low, self.least)
        self._detector: Detector = load_detector(model, threads=threads, score_threshold=lowest)

    def look(self, image: NDArray[np.uint8], parameters: Parameters) -> Detections:
        """People in a BGR picture (H, W, 3)."""
        correct = parameters.correction
        found = self._detector.detect([image if correct is None else correct(image)])[0]
        chosen = parameters.score_threshold
        return found.take(found.score >= (self.least if chosen is None else chosen))


class Material(Protocol):
    """Frozen pictures of several videos."""

    @property
    def basis(self) -> str:
        """What the figures rest on: ``labelled``, ``relit`` or ``consistency``."""
        ...

    @property
    def videos(self) -> tuple[str, ...]:
        """Whose pictures they are."""
        ...

    def only(self, videos: Sequence[str]) -> Material:
        """Those of some videos."""
        ...

    def figures(self, eyes: Eyes, parameters: Parameters) -> dict[str, float]:
        """A figure a video; 1 is as good as it gets."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """A BGR picture and the boxes (N, 4) of its people, px."""

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledVideos:
    """Labelled pictures by video."""

    pictures: Mapping[str, Sequence[Labelled]]
    basis: str = "labelled"

    @property
    def videos(self) -> tuple[str, ...]:
        """Whose pictures they are."""
        return tuple(sorted(self.pictures))

    def only(self, videos: Sequence[str]) -> LabelledVideos:
        """Those of some videos."""
        return dataclasses.replace(self, pictures={name: self.pictures[name] for name in videos})

    def relit(self, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> LabelledVideos:
        """The same pictures in another light; labels stay."""
        return LabelledVideos(
            {
                name: [dataclasses.replace(one, image=change(one.image)) for one in pictures]
                for name, pictures in self.pictures.items()
            },
            "relit",
        )

    def figures(self, eyes: Eyes, parameters: Parameters) -> dict[str, float]:
        """F1 of people, by video."""
        from jarvis_dagster.hockey.detection.evaluation import match

        found = {}
        for name in self.videos:
            right = others = 0
            for one in self.pictures[name]:
                seen = eyes.look(one.image, parameters)
                pairs = len(match(one.boxes, seen.xyxy, seen.score))
                right += pairs
                others += len(one.boxes) + len(seen) - 2 * pairs
            found[name] = 2 * right / max(2 * right + others, 1)
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class PairedVideos:
    """Pairs of pictures by video, without labels.

    Attributes:
        people: That the reference's videos show on a picture.
    """

    pairs: Mapping[str, Sequence[Pair]]
    people: float
    basis: str = "consistency"

    @property
    def videos(self) -> tuple[str, ...]:
        """Whose pictures they are."""
        return tuple(sorted(self.pairs))

    @functools.cached_property
    def _shifts(self) -> dict[str, list[NDArray[np.float32]]]:
        """What the camera's motion adds to a box (x1, y1, x2, y2) between the two pictures."""
        return {name: [_shift(pair) for pair in pairs] for name, pairs in self.pairs.items()}

    def only(self, videos: Sequence[str]) -> PairedVideos:
        """Those of some videos."""
        return dataclasses.replace(self, pairs={name: self.pairs[name] for name in videos})

    def figures(self, eyes: Eyes, parameters: Parameters) -> dict[str, float]:
        """People found twice, less half of those found once, of those usual; by video."""
        found = {}
        for name in self.videos:
            worth = 0.0
            for number, pair in enumerate(self.pairs[name]):
                a, b = (eyes.look(image, parameters).xyxy for image in pair)
                both = _same(a + self._shifts[name][number], b)
                worth += both - (len(a) + len(b) - 2 * both) / 4
            expected = len(self.pairs[name]) * max(self.people, 0.1)
            found[name] = worth / max(expected, 1e-9)
        return found


def _shift(pair: Pair) -> NDArray[np.float32]:
    import cv2

    scale = min(1.0, _MOTION_PX / pair[0].shape[1])
    grey = [
        cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale)
        for image in pair
    ]
    first, second = (image.astype(np.float64) for image in grey)
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_64F)
    (dx, dy), response = cv2.phaseCorrelate(first, second, window)
    if response < _LEAST_RESPONSE:  # a picture of noise
        dx = dy = 0.0
    return np.array([dx, dy, dx, dy], np.float32) / np.float32(scale)


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> int:
    """How many boxes of two pictures are the same person, each at most once."""
    from scipy.optimize import linear_sum_assignment

    if not len(a) or not len(b):
        return 0
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b)]
    iou = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)
    rows, columns = linear_sum_assignment(-iou)
    return int((iou[rows, columns] >= _SAME_IOU).sum())


def labelled_videos(
    games: FrozenGames, *, per_video: int = 4, most_videos: int = 24
) -> LabelledVideos:
    """Some pictures of each of the frozen games, spread over each, at most 960 px wide.

    Raises:
        BadInputError: a picture or label cannot be read.
    """
    from jarvis_dagster.hockey.detection.evaluation import read_picture
    from jarvis_dagster.hockey.detection.labels import (
        ROLES,
        class_index,
        class_names,
        parse_labels,
    )

    kinds = class_index(class_names([games.folder]))
    pictures: dict[str, list[Labelled]] = {}
    names = sorted(games.videos)
    at = np.linspace(0, len(names) - 1, min(most_videos, len(names))).round().astype(int)
    for name in [names[i] for i in np.unique(at)]:
        frames = [frame for frame in games.frames if frame.video == name]
        spread = np.linspace(0, len(frames) - 1, min(per_video, len(frames))).round().astype(int)
        for frame in [frames[i] for i in np.unique(spread)]:
            image = read_picture(games.folder / "images" / frame.image, games.aspect)
            image = _small(image)
            text = (games.folder / "labels" / frame.label).read_text("utf-8")
            numbers, boxes = parse_labels(text, frame.label)
            roles = np.array([kinds.get(int(n), -1) for n in numbers], np.int64)
            people = (roles >= 0) & (roles < len(ROLES))
            size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
            boxes = (boxes[people] * size).astype(np.float32)
            pictures.setdefault(name, []).append(Labelled(image, boxes))
    return LabelledVideos(pictures)


def picture_videos(pictures: Sequence[Picture]) -> LabelledVideos:
    """The labelled pictures of a dataset, by video, at most 960 px wide."""
    from jarvis_dagster.hockey.detection.evaluation import read_picture
    from jarvis_dagster.hockey.detection.labels import ROLES

    found: dict[str, list[Labelled]] = {}
    for one in pictures:
        if not one.labelled:
            continue
        image = _small(read_picture(one.path, one.aspect))
        people = np.array([kind in ROLES for kind in one.classes], bool)
        size = np.array([image.shape[1], image.shape[0]] * 2, np.float64)
        boxes = (one.boxes.reshape(-1, 4)[people] * size).astype(np.float32)
        found.setdefault(one.video, []).append(Labelled(image, boxes))
    return LabelledVideos(found)


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    scale = min(1.0, _LONGEST_PX / max(image.shape[:2]))
    if scale == 1:
        return image
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
