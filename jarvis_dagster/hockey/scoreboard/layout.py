"""Where the scoreboard is in the picture.

Belongs here: a few pictures of a video to the places of clock, period and goals. Does not
belong here: reading every look (``reading``), what happens over time (``steadying``).

A scoreboard that a broadcaster lays over the picture stays where it is while the camera moves;
so does one on the wall of a rink before a camera that never moves. Text that comes back at the
same place and says a time of play is the clock; what lies around it is the rest.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.scoreboard.parsing import (
    clock_of,
    goals_of,
    is_only_a_clock,
    names_a_team,
    period_of,
)
from jarvis_dagster.hockey.scoreboard.places import (
    Box,
    Place,
    apart,
    breaks,
    crop,
    gather,
    ink,
    overlap_y,
    overlapping,
    panels,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.text import TextFinder, TextReader

    Pictures = dict[int, NDArray[np.uint8]]

__all__ = ["Field", "Layout", "find_layout"]

_FOUND_PX = 960
"""Width at which whole pictures are searched; the clock of a 270-line video is still found."""
_SHARE = 0.4
"""Of the pictures in which a text must be at its place; advertising and replays hide it."""
_LETTER_PX = (22, 36)
"""Heights of the clock at which what lies around it is searched: wide and lone characters are
not found at the same one."""
_MOST_PX = 1600
_CLOSE_LOOKS = 5
_SURE_DIGIT = 0.75
_SURE_NAME = 0.8
_ONLY = 0.75


@dataclasses.dataclass(frozen=True)
class Field:
    """A place on the scoreboard: x1, y1, x2, y2 in pixels, and what it said most often."""

    x1: int
    y1: int
    x2: int
    y2: int
    text: str


@dataclasses.dataclass(frozen=True)
class Layout:
    """The fields of one scoreboard; None for those that were not found.

    ``period`` is the clock's own field where both are one text. ``names`` are the teams', left
    (or above) first; empty where not read.
    """

    clock: Field
    period: Field | None
    left: Field | None
    right: Field | None
    names: tuple[str, str] = ("", "")

    @property
    def box(self) -> tuple[int, int, int, int]:
        """What holds all fields."""
        fields = [f for f in (self.clock, self.period, self.left, self.right) if f]
        return (
            min(f.x1 for f in fields),
            min(f.y1 for f in fields),
            max(f.x2 for f in fields),
            max(f.y2 for f in fields),
        )


def find_layout(
    pictures: Sequence[NDArray[np.uint8]], finder: TextFinder, reader: TextReader
) -> Layout | None:
    """The scoreboard that these pictures share; None when they show none with a clock.

    Args:
        pictures: BGR, all of one size, spread over the video.
    """
    shown: Pictures = dict(enumerate(pictures))
    places = gather({n: [b[:4] for b in finder.find(p, _FOUND_PX)] for n, p in shown.items()})
    least = max(2, int(np.ceil(_SHARE * len(shown)))) if len(shown) > 1 else 1
    lasting = [place for place in places if len(place.boxes) >= least]
    for place in lasting:
        place.read(shown, reader)
    clocks = [p for p in lasting if len(p.values(clock_of)) >= least]
    if not clocks:
        return None
    clock = max(clocks, key=lambda place: (len(place.values(clock_of)), -place.box[1]))
    seen = [n for n, (text, _) in clock.texts.items() if clock_of(text) is not None]
    steps = np.unique(np.linspace(0, len(seen) - 1, _CLOSE_LOOKS).round().astype(int))
    chosen = {seen[i]: shown[seen[i]] for i in steps}
    parts = _look_closer(chosen, clock, lasting, finder, reader)
    shape = pictures[0].shape
    return _arranged(clock, parts, max(1, (len(chosen) + 1) // 2), (shape[1], shape[0]))


def _look_closer(
    pictures: Pictures,
    clock: Place,
    lasting: list[Place],
    finder: TextFinder,
    reader: TextReader,
) -> list[Place]:
    """Every text around the clock, also lone characters, and digits on a field of their own."""
    around = _surroundings(clock, lasting, next(iter(pictures.values())))
    left, top = int(around[0]), int(around[1])
    parts = [p for p in lasting if overlapping(p.box, around) > 0.9]
    for letter_px in _LETTER_PX:
        found: dict[int, list[Sequence[float]]] = {}
        for number, picture in pictures.items():
            part = crop(picture, around)
            width = round(min(_MOST_PX, max(96.0, part.shape[1] * letter_px / clock.height)))
            boxes = finder.find(part, width)
            found[number] = [(b.x1 + left, b.y1 + top, b.x2 + left, b.y2 + top) for b in boxes]
        parts += gather(found)
    least = (len(pictures) + 1) // 2
    for place in parts:
        place.read(pictures, reader)
    mean = np.mean(list(pictures.values()), axis=0).astype(np.uint8)
    # A lone digit reads better when nothing but a small margin is around it.
    spots = [_grown(p.box, 0.25) for p in parts if len(p.text) <= 2 and p.values(goals_of)]
    steady = [place.box for place in parts if len(place.texts) >= least]
    spots += [*_gaps(steady), *panels(mean, around, clock.height)]
    parts += _at(spots, mean, clock, pictures, reader)
    parts += _parted(clock, pictures, reader)
    parts += _at(_mates(parts, clock), mean, clock, pictures, reader)
    return [place for place in parts if len(place.texts) >= least]


def _at(
    spots: list[Box],
    mean: NDArray[np.uint8],
    clock: Place,
    pictures: Pictures,
    reader: TextReader,
) -> list[Place]:
    """What is written on these spots, without what is around it."""
    found = []
    for spot in spots:
        tight = ink(mean, spot)
        if tight is not None and tight[3] - tight[1] > 0.4 * clock.height:
            place = Place(dict.fromkeys(pictures, tight))
            place.read(pictures, reader)
            found.append(place)
    return found


def _parted(clock: Place, pictures: Pictures, reader: TextReader) -> list[Place]:
    """What was found as one text with the clock: goals before it, the period behind it."""
    box = clock.box
    found = []
    for x in breaks(list(pictures.values()), box):
        for part in ((box[0], box[1], x, box[3]), (x, box[1], box[2], box[3])):
            if part[2] - part[0] > 0.3 * clock.height:
                place = Place(dict.fromkeys(pictures, part))
                place.read(pictures, reader)
                found.append(place)
    return found


def _mates(parts: list[Place], clock: Place) -> list[Box]:
    """Where the goals of the other team are if they lie to its name as these do to theirs."""
    digits = [p for p in parts if _is_digit(p, clock)]
    names = [p.box for p in parts if p.score >= _SURE_NAME and names_a_team(p.text)]
    spots: list[Box] = []
    for digit, one, other in itertools.product(digits, names, names):
        across, down = other[0] - one[0], other[1] - one[1]
        beside = overlap_y(one, digit.box) > 0.5
        apart_x, apart_y = abs(across) > digit.height, abs(down) > 0.5 * digit.height
        if beside and apart_x != apart_y:
            # The names of a line need not be of one length: they may end where they should.
            x = across if apart_y or digit.box[0] < one[0] else other[2] - one[2]
            box = digit.box
            spot = _grown((box[0] + x, box[1] + down, box[2] + x, box[3] + down), 0.25)
            if not any(overlapping(spot, known) > 0.5 for known in spots):
                spots.append(spot)
    return spots


def _is_digit(place: Place, clock: Place) -> bool:
    """Whether it may be the goals of a team."""
    right = len(place.values(goals_of)) >= 0.6 * len(place.texts) > 0
    return (
        right
        and place.score >= _SURE_DIGIT
        and 0.4 * clock.height < place.height < 3 * clock.height
    )


def _surroundings(clock: Place, lasting: list[Place], picture: NDArray[np.uint8]) -> Box:
    """The clock and the lasting texts that follow each other from it."""
    unit = clock.height
    area = clock.box
    near = [place.box for place in lasting if place.height < 3 * unit]
    for _ in near:
        for box in near:
            apart_x = max(box[0] - area[2], area[0] - box[2])
            apart_y = max(box[1] - area[3], area[1] - box[3])
            if apart_x < 8 * unit and apart_y < 1.5 * unit:
                area = (
                    min(area[0], box[0]),
                    min(area[1], box[1]),
                    max(area[2], box[2]),
                    max(area[3], box[3]),
                )
    return (
        max(area[0] - 7 * unit, 0.0),
        max(area[1] - 2.5 * unit, 0.0),
        min(area[2] + 7 * unit, picture.shape[1]),
        min(area[3] + 2.5 * unit, picture.shape[0]),
    )


def _grown(box: Box, share: float) -> Box:
    more = share * (box[3] - box[1])
    return box[0] - more, box[1] - more, box[2] + more, box[3] + more


def _gaps(boxes: list[Box]) -> list[Box]:
    """Where a digit may be: beside a text, up to the next one."""
    gaps = []
    for box in boxes:
        height = box[3] - box[1]
        right = [b[0] for b in boxes if b[0] > box[2] - 0.2 * height and overlap_y(b, box) > 0.5]
        end = min(min(right, default=np.inf), box[2] + 2.2 * height)
        if end - box[2] > 0.6 * height:
            gaps.append((box[2] + 0.05 * height, box[1], end - 0.05 * height, box[3]))
    return gaps


def _arranged(first: Place, places: list[Place], least: int, size: tuple[int, int]) -> Layout:
    """Which of the texts is what."""
    # The widest text that is nothing but a clock: a narrower one may lack a digit.
    told = [p for p in places if len(p.values(clock_of)) >= least]
    told = [p for p in told if overlapping(p.box, first.box) > 0.5] or [first]
    only = [p for p in told if p.says(is_only_a_clock) > _ONLY]
    clock = (
        max(only, key=lambda place: place.box[2] - place.box[0])
        if only
        else min(told, key=lambda place: place.box[2] - place.box[0])
    )
    spoken = [p for p in [clock, *places] if len(p.values(period_of)) >= least]
    period = min(spoken, key=lambda p: apart(p.box, clock.box) + p.box[2] - p.box[0], default=None)
    taken = [clock.box, *([period.box] if period else [])]
    scores = [
        p
        for p in places
        if len(p.values(goals_of)) >= least
        and _is_digit(p, clock)
        and not any(overlapping(p.box, box) > 0.2 for box in taken)
    ]
    pair = _pair(scores, places, clock)
    names = _names(pair, places)[1] if pair else ("", "")
    of_clock = _field(clock, size, 0.2)
    of_period = _field(period, size, 0.2) if period else None
    beside = [of_clock, *([of_period] if of_period else [])]
    # Wide enough for the tenth goal; what is around the digits is cut away when read.
    left, right = (_cut(_field(one, size, 0.5), beside) for one in pair) if pair else (None, None)
    return Layout(of_clock, of_period, left, right, names)


def _pair(scores: list[Place], others: list[Place], clock: Place) -> tuple[Place, Place] | None:
    """The two fields that look like one another and have a name beside them."""
    best: tuple[float, tuple[Place, Place]] | None = None
    for one, other in itertools.combinations(scores, 2):
        a, b = one.box, other.box
        tall = max(one.height, other.height)
        if min(one.height, other.height) < 0.6 * tall or overlapping(a, b) > 0.2:
            continue
        row = abs(a[1] + a[3] - b[1] - b[3]) / 2 < 0.3 * tall
        column = abs(a[0] + a[2] - b[0] - b[2]) / 2 < 0.5 * tall and not row
        if not (row or column):
            continue
        order = (one, other) if (a[0] < b[0] if row else a[1] < b[1]) else (other, one)
        named, _ = _names(order, others)
        worth = 2.0 * named + one.score + other.score + 0.5 * tall / clock.height
        # A bar beside a name reads as "I": real digits are surer.
        worth += 0.5 * (one.says(str.isdigit) + other.says(str.isdigit))
        worth -= 0.05 * (apart(a, clock.box) + apart(b, clock.box)) / clock.height
        if best is None or worth > best[0]:
            best = worth, order
    return best[1] if best else None


def _names(pair: tuple[Place, Place], others: list[Place]) -> tuple[float, tuple[str, str]]:
    """How surely the fields have names beside them (0 to 2), and these.

    Both names are before, both behind, or one on either side of their goals.
    """
    own = names_a_team(pair[0].text), names_a_team(pair[1].text)
    if all(own):
        return 2.0, own
    best = (0.0, ("", ""))
    for sides in ((-1, -1), (1, 1), (-1, 1), (1, -1)):
        found = [_name(place, others, side) for place, side in zip(pair, sides, strict=True)]
        (sure, first, area), (sure_too, second, area_too) = found
        # Two parts of one name are not two.
        apart_ = not (area and area_too and overlapping(area, area_too) > 0.5)
        if first != second and apart_ and sure + sure_too > best[0]:
            best = sure + sure_too, (first, second)
    return best


def _name(place: Place, others: list[Place], side: int) -> tuple[float, str, Box | None]:
    """The nearest name on the left (-1) or right of a field: how near (1 to 0), it, and where."""
    near: list[tuple[float, str, Box | None]] = [(0.0, "", None)]
    for other in others:
        name = names_a_team(other.text) if other.score >= _SURE_NAME else ""
        beside = side * (other.box[0] + other.box[2] - place.box[0] - place.box[2]) > 0
        # Not a whole line in which the digit was read as well.
        beside = beside and overlapping(other.box, place.box) < 0.5
        if name and beside and overlap_y(other.box, place.box) > 0.5:
            sure = 1 - apart(other.box, place.box) / (8 * place.height)
            near.append((sure, name, other.box))
    return max(near, key=lambda one: one[0])


def _field(place: Place, size: tuple[int, int], grown: float) -> Field:
    x1, y1, x2, y2 = place.box
    across, down = grown * (y2 - y1), 0.12 * (y2 - y1)
    return Field(
        max(0, round(x1 - across)),
        max(0, round(y1 - down)),
        min(size[0], round(x2 + across)),
        min(size[1], round(y2 + down)),
        place.text,
    )


def _cut(field: Field, others: Sequence[Field]) -> Field:
    """``field`` up to where others of its row begin: their characters are not read with its own."""
    x1, x2 = field.x1, field.x2
    middle = (x1 + x2) / 2
    for other in others:
        shared = min(field.y2, other.y2) - max(field.y1, other.y1)
        if shared < 0.5 * (field.y2 - field.y1):
            continue
        if other.x1 > middle:
            x2 = min(x2, other.x1)
        elif other.x2 < middle:
            x1 = max(x1, other.x2)
    return dataclasses.replace(field, x1=x1, x2=x2)
