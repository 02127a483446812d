"""Whether a trained detector is better than the one it started from.

Belongs here: both on the same frames, and the plain word. Does not belong here: the measures
(``detection.evaluation``), which frames those are (``holdout``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.detection import load_detector
from jarvis_dagster.hockey.detection.evaluation import LabelledPicture, measure, read_picture
from jarvis_dagster.hockey.detection.overlap import overlaps
from jarvis_dagster.hockey.training.sheet import draw_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.detection import Detections
    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["Figures", "fallen", "figures", "is_better", "measured", "most_lost", "worth"]

_LOWEST_SCORE = 0.02
_MOST_PICTURES = 60
_IGNORED = 0.5
_LOSS = 0.01
"""A figure that falls by less is not counted as worse."""
_GAIN = 0.005


@dataclasses.dataclass(frozen=True)
class Figures:
    """Shares from 0 to 1; None where the frames have nobody to measure it by."""

    pictures: int
    people: int
    ap50: float | None
    recall: float | None
    precision: float | None
    role_macro_f1: float | None
    goalkeeper_recall: float | None


def measured(
    model: Path,
    samples: Sequence[Sample],
    *,
    one_look: bool = False,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Figures:
    """The detector at ``model`` on at most sixty of ``samples``, spread evenly.

    As ``jarvis evaluate detector`` would; with ``one_look``, twice as fast, as for videos.
    ``sheet`` is where the frames with most errors are drawn.
    """
    chosen = [samples[i] for i in _spread(len(samples))]
    detector = load_detector(model)
    threshold, detector.score_threshold = detector.score_threshold, _LOWEST_SCORE
    if not one_look:
        detector = detector.for_stills()
    pictures = []
    for number, sample in enumerate(chosen, 1):
        image = read_picture(sample.image, sum(sample.aspect) / 2 or None)
        size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        found = _outside(detector.detect([image])[0], sample.ignore * size)
        pictures.append(LabelledPicture(sample.boxes * size, sample.roles, found))
        if progress:
            progress(number, len(chosen))
    if sheet is not None:
        draw_errors(chosen, pictures, threshold, sheet)
    return figures(measure(pictures, threshold), len(pictures))


def _spread(count: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MOST_PICTURES))})


def _outside(found: Detections, regions: np.ndarray) -> Detections:
    """Without those whom the labels say nothing of."""
    if not len(found) or not len(regions):
        return found
    return found.take(overlaps(regions, found.xyxy)[1].max(0) < _IGNORED)


def figures(result: dict[str, Any], pictures: int) -> Figures:
    """What of a measurement is compared."""
    people = result["people"]
    return Figures(
        pictures=pictures,
        people=people["count"],
        ap50=people["ap50"],
        recall=people["recall"],
        precision=people["precision"],
        role_macro_f1=result["role_macro_f1"],
        goalkeeper_recall=result["goalkeeper_recall"],
    )


def is_better(before: Figures, after: Figures) -> bool:
    """People are found better on the whole: neither AP50 nor F1 falls, and together they rise."""
    gains = [
        new - old
        for old, new in ((before.ap50, after.ap50), (_f1(before), _f1(after)))
        if old is not None and new is not None
    ]
    return bool(gains) and min(gains) >= 0 and float(np.mean(gains)) >= _GAIN


def fallen(before: Figures, after: Figures) -> list[str]:
    """Names of the figures that are lower by more than a point."""
    names = [field.name for field in dataclasses.fields(Figures)][2:]
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return [
        name
        for name, old, new in pairs
        if old is not None and new is not None and new < old - _LOSS
    ]


def most_lost(before: Figures, after: Figures) -> float:
    """What is lost in the figure of people in which most is; 0 where none is lower."""
    pairs = [(getattr(before, n), getattr(after, n)) for n in ("ap50", "recall", "precision")]
    return max([0.0, *(old - new for old, new in pairs if old is not None and new is not None)])


def _f1(found: Figures) -> float | None:
    if found.recall is None or not found.precision:
        return None
    return 2 * found.recall * found.precision / (found.recall + found.precision)


def worth(found: Figures) -> float:
    """One number to choose between detectors by: people first, then roles."""
    parts = ((found.ap50, 2), (found.recall, 1), (found.precision, 1), (found.role_macro_f1, 1))
    known = [(value, weight) for value, weight in parts if value is not None]
    weights = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weights if weights else 0.0
