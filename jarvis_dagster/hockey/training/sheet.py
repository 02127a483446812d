"""The held-out frames on which a new detector errs most, as one picture or one each.

Belongs here: which frames, and how errors are drawn. Does not belong here: measuring
(``judge``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.evaluation import match, read_picture
from jarvis_dagster.hockey.detection.labels import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.evaluation import LabelledPicture
    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["draw_each", "draw_errors"]

_FRAMES, _COLUMNS = 6, 2
_MOST = 12
_WIDTH_PX = 960
_RIGHT, _OTHER_ROLE, _MISSED, _NOBODY = (80, 200, 80), (220, 80, 220), (0, 165, 255), (60, 60, 255)
_LEGEND = (
    ("right", _RIGHT),
    ("other role", _OTHER_ROLE),
    ("missed", _MISSED),
    ("nobody there", _NOBODY),
)

_Mark = tuple["NDArray[np.float32]", tuple[int, int, int], str]


def draw_errors(
    samples: Sequence[Sample],
    pictures: Sequence[LabelledPicture],
    score_threshold: float,
    target: Path,
) -> None:
    """Write the six frames with most errors to ``target`` (PNG), row-aligned arguments."""
    import cv2

    marks = [_marks(picture, score_threshold) for picture in pictures]
    errors = [sum(colour != _RIGHT for _, colour, _ in found) for found in marks]
    worst = sorted(range(len(samples)), key=lambda row: -errors[row])[:_FRAMES]
    tiles = []
    for row in sorted(worst):
        sample = samples[row]
        image = read_picture(sample.image, sum(sample.aspect) / 2 or None)
        tiles.append(_tile(image, marks[row], sample.image.name))
    height = max(tile.shape[0] for tile in tiles)
    tiles = [np.pad(tile, ((0, height - len(tile)), (0, 0), (0, 0))) for tile in tiles]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    sheet = np.vstack([_legend(rows[0].shape[1]), *rows])
    cv2.imwrite(str(target), sheet)


def draw_each(
    sources: Sequence[tuple[Path, float | None]],
    pictures: Sequence[LabelledPicture],
    score_threshold: float,
    folder: Path,
) -> list[tuple[Path, str]]:
    """Write the frames with most errors into ``folder`` (JPEG), at most twelve, the worst first.

    Args:
        sources: File and true shape of each picture, row-aligned with ``pictures``.

    Returns:
        Each file, and in words what is wrong in it.
    """
    import cv2

    marks = [_marks(picture, score_threshold) for picture in pictures]
    errors = [sum(colour != _RIGHT for _, colour, _ in found) for found in marks]
    worst = sorted((row for row, count in enumerate(errors) if count), key=lambda r: -errors[r])
    made = []
    for rank, row in enumerate(worst[:_MOST], 1):
        path, aspect = sources[row]
        tile = _tile(read_picture(path, aspect), marks[row], path.name)
        target = folder / f"{rank:02}.jpg"
        cv2.imwrite(str(target), np.vstack([_legend(tile.shape[1]), tile]))
        counts = [
            f"{number} {words}"
            for words, colour in _LEGEND[1:]
            if (number := sum(own == colour for _, own, _ in marks[row]))
        ]
        made.append((target, f"{path.name}: {', '.join(counts)}"))
    return made


def _marks(picture: LabelledPicture, score_threshold: float) -> list[_Mark]:
    """Boxes to draw, their colours and words."""
    sure = picture.found.take(picture.found.score >= score_threshold)
    pairs = match(picture.boxes, sure.xyxy, sure.score)
    marks: list[_Mark] = []
    for person, box in pairs:
        truth, said = int(picture.roles[person]), int(sure.class_index[box])
        words = "" if truth == said else f"{ROLES[said]}, is {ROLES[truth]}"
        marks.append((sure.xyxy[box], _OTHER_ROLE if words else _RIGHT, words))
    missed = set(range(len(picture.roles))) - {person for person, _ in pairs}
    nobody = set(range(len(sure))) - {box for _, box in pairs}
    marks += [(picture.boxes[row], _MISSED, ROLES[picture.roles[row]]) for row in missed]
    marks += [(sure.xyxy[row], _NOBODY, ROLES[sure.class_index[row]]) for row in nobody]
    return marks


def _tile(image: NDArray[np.uint8], marks: Sequence[_Mark], name: str) -> NDArray[np.uint8]:
    import cv2

    height, width = image.shape[:2]
    scale = _WIDTH_PX / width
    tile = cv2.resize(image, (_WIDTH_PX, round(height * scale)), interpolation=cv2.INTER_AREA)
    for box, colour, words in marks:
        x1, y1, x2, y2 = (round(float(edge) * scale) for edge in box)
        cv2.rectangle(tile, (x1, y1), (x2, y2), colour, 1, cv2.LINE_AA)
        _write(tile, words, (x1, max(12, y1 - 3)), colour)
    _write(tile, name, (6, tile.shape[0] - 8), (255, 255, 255))
    return np.asarray(tile, np.uint8)


def _legend(width: int) -> NDArray[np.uint8]:
    bar = np.zeros((28, width, 3), np.uint8)
    for number, (words, colour) in enumerate(_LEGEND):
        _write(bar, words, (12 + 150 * number, 19), colour)
    return bar


def _write(
    image: NDArray[np.uint8], words: str, at: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    import cv2

    cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
