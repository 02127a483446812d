"""Texts that keep their place from picture to picture.

Belongs here: boxes, the places that they share, what is read there. Does not belong here: what
a text means (``parsing``), which place is the clock (``layout``).
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.text import TextReader

__all__ = [
    "Box",
    "Place",
    "apart",
    "breaks",
    "crop",
    "gather",
    "ink",
    "overlap_y",
    "overlapping",
    "panels",
]

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the picture."""
T = TypeVar("T")
_SAME_IOU = 0.55
_READ = 0.3
_PANEL_PX = 30.0
"""Height of text at which fields are looked for."""


@dataclasses.dataclass
class Place:
    """Boxes of one text, at most one a picture, and what they say.

    Args:
        boxes: By number of the picture.
        texts: Text and score by number of the picture.
    """

    boxes: dict[int, Box]
    texts: dict[int, tuple[str, float]] = dataclasses.field(default_factory=dict)
    _known: tuple[int, Box] | None = dataclasses.field(default=None, repr=False)

    @property
    def box(self) -> Box:
        """The largest that was seen but for one in ten: numbers grow and shrink."""
        if self._known is None or self._known[0] != len(self.boxes):
            boxes = np.array(list(self.boxes.values()))
            low = np.quantile(boxes[:, :2], 0.1, axis=0)
            high = np.quantile(boxes[:, 2:], 0.9, axis=0)
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            self._known = len(boxes), box
        return self._known[1]

    @property
    def height(self) -> float:
        """In pixels."""
        return self.box[3] - self.box[1]

    @property
    def text(self) -> str:
        """What was read most often."""
        said = collections.Counter(text for text, _ in self.texts.values())
        return max(said, key=lambda text: (said[text], text), default="")

    @property
    def score(self) -> float:
        """Median over the readings."""
        return float(np.median([score for _, score in self.texts.values()] or [0.0]))

    def values(self, meaning: Callable[[str], T | None]) -> list[T]:
        """What ``meaning`` makes of the texts, without None."""
        found = (meaning(text) for text, _ in self.texts.values())
        return [value for value in found if value is not None]

    def says(self, kind: Callable[[str], bool]) -> float:
        """Share of the texts that are of a kind."""
        return sum(kind(text) for text, _ in self.texts.values()) / max(len(self.texts), 1)

    def read(self, pictures: Mapping[int, NDArray[np.uint8]], reader: TextReader) -> None:
        """Read the boxes that were not read yet."""
        new = [n for n in self.boxes if n in pictures and n not in self.texts]
        answers = reader.read([crop(pictures[n], self.boxes[n]) for n in new])
        for number, answer in zip(new, answers, strict=True):
            if answer.text and answer.score >= _READ:
                self.texts[number] = answer.text, answer.score


def gather(found: Mapping[int, Iterable[Sequence[float]]]) -> list[Place]:
    """The places of the boxes found in each picture."""
    places: list[Place] = []
    last: list[Box] = []
    for number, boxes in found.items():
        for one in boxes:
            box = (float(one[0]), float(one[1]), float(one[2]), float(one[3]))
            near = [
                (i, iou)
                for i, before in enumerate(last)
                if number not in places[i].boxes and (iou := _iou(before, box)) > _SAME_IOU
            ]
            if near:
                best = max(near, key=lambda pair: pair[1])[0]
                places[best].boxes[number] = last[best] = box
            else:
                places.append(Place({number: box}))
                last.append(box)
    return places


def crop(picture: NDArray[np.uint8], box: Sequence[float], grown: float = 0.0) -> NDArray[np.uint8]:
    """The part of a picture in a box that is ``grown`` times its height larger on each side."""
    x1, y1, x2, y2 = box
    more = grown * (y2 - y1)
    height, width = picture.shape[:2]
    left, top = max(0, int(x1 - more)), max(0, int(y1 - more))
    return picture[top : min(height, int(y2 + more) + 1), left : min(width, int(x2 + more) + 1)]


def ink(picture: NDArray[np.uint8], box: Box) -> Box | None:
    """The part of ``box`` that differs from its ground; None where there is no one ground."""
    import cv2

    part = crop(picture, box)
    if min(part.shape[:2]) < 4:
        return None
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY).astype(np.float32)
    differs = np.abs(grey - np.median(grey))
    marked = differs > max(25.0, 0.5 * float(differs.max()))
    if not 0.02 < marked.mean() < 0.6:
        return None
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    left, top = int(box[0]), int(box[1])
    tight = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    more = 0.15 * (tight[3] - tight[1])
    return tight[0] - more, tight[1] - more, tight[2] + more, tight[3] + more


def breaks(pictures: Sequence[NDArray[np.uint8]], box: Box) -> list[float]:
    """Where a line of text has a wide gap in all of the pictures: x in pixels."""
    import cv2

    written: NDArray[np.bool_] | None = None
    for picture in pictures:
        grey = cv2.cvtColor(crop(picture, box), cv2.COLOR_BGR2GRAY)
        _, ink_ = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        if ink_.mean() > 0.5:
            ink_ = 1 - ink_
        columns = ink_.mean(0) > 0.06
        written = columns if written is None else written | columns
    if written is None:
        return []
    height = box[3] - box[1]
    places = np.flatnonzero(written)
    gaps = np.flatnonzero(np.diff(places) > 0.2 * height)
    return [int(box[0]) + float(places[i] + places[i + 1]) / 2 for i in gaps]


def panels(picture: NDArray[np.uint8], around: Box, unit: float) -> list[Box]:
    """Fields of a ground of their own in ``around`` that a digit or two fit on.

    Args:
        unit: Height of the clock's text, px.
    """
    import cv2

    part = crop(picture, around)
    scale = max(1.0, _PANEL_PX / unit)
    larger = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    grey = cv2.cvtColor(larger, cv2.COLOR_BGR2GRAY)
    level, _ = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    found = []
    for kind, shift in itertools.product((cv2.THRESH_BINARY, cv2.THRESH_BINARY_INV), (-40, 0, 40)):
        _, field = cv2.threshold(grey, level + shift, 1, kind)
        # Outlines are filled: the digit on the field is a hole in it.
        outlines, _ = cv2.findContours(field, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            x, y, w, h = (v / scale for v in cv2.boundingRect(outline))
            fits = 0.8 * unit < h < 3 * unit and 0.5 * unit < w < 3 * unit
            if fits and cv2.contourArea(outline) > 0.75 * w * h * scale**2:
                left, top, rim = x + int(around[0]), y + int(around[1]), 0.14 * h
                found.append((left + rim, top + rim, left + w - rim, top + h - rim))
    return [
        box
        for i, box in enumerate(found)
        if not any(_iou(box, other) > _SAME_IOU for other in found[:i])
    ]


def apart(a: Box, b: Box) -> float:
    """Distance between two boxes, 0 where they touch."""
    return float(np.hypot(max(a[0] - b[2], b[0] - a[2], 0), max(a[1] - b[3], b[1] - a[3], 0)))


def overlap_y(a: Box, b: Box) -> float:
    """Shared height over the lower one's."""
    return (min(a[3], b[3]) - max(a[1], b[1])) / max(min(a[3] - a[1], b[3] - b[1]), 1e-6)


def overlapping(a: Box, b: Box) -> float:
    """Shared area over the smaller one's."""
    return _shared(a, b) / max(min(_area(a), _area(b)), 1e-6)


def _iou(a: Box, b: Box) -> float:
    shared = _shared(a, b)
    return shared / max(_area(a) + _area(b) - shared, 1e-6)


def _shared(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
