"""Labelled frames before they are trained on: what is wrong with them is said, not learnt.

Belongs here: faults that would cost a training. Does not belong here: reading labels
(``dataset``), mending boxes (``harmonise``), reports on whole datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection import load_detector
from jarvis_dagster.hockey.detection.evaluation import read_picture
from jarvis_dagster.hockey.detection.labels import NAME_TO_CLASS, class_names
from jarvis_dagster.hockey.training.restore import knows_roles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["vetted"]

_SURE = 0.5
_A_CROWD = 3
"""People whom the detector is sure of on a frame that is labelled as empty ice."""
_NAMED = 3


def vetted(samples: Sequence[Sample], data: Path, start: Path) -> tuple[list[Sample], list[str]]:
    """``samples`` without those that would teach nonsense, and warnings.

    Raises:
        BadInputError: pictures that cannot be read, or no label of a person.
    """
    broken = [sample.image.name for sample in samples if not _readable(sample.image)]
    if broken:
        raise BadInputError(
            f"{len(broken)} of {len(samples)} pictures in {data / 'images'} cannot be read: "
            f"{_some(broken)}.",
            "Remove or replace them.",
        )
    if not any(len(sample.boxes) for sample in samples):
        names = ", ".join(class_names([data])) or "none"
        raise BadInputError(
            f"No label in {data} is of a person. Classes in data.yaml: {names}.",
            f"Names that are understood: {', '.join(sorted(NAME_TO_CLASS))}.",
        )
    warnings = []
    unlabelled = _unlabelled(samples, start)
    if unlabelled:
        warnings.append(
            f"{len(unlabelled)} frames have no label, but people are on the ice: "
            f"{_some(unlabelled)}. They are left out."
        )
    if all(sample.aspect == (0.0, 0.0) and _square(sample.image) for sample in samples[:_NAMED]):
        warnings.append("The pictures are squares. If an export stretched them, say --aspect 16:9.")
    if not any((sample.roles == 1).any() for sample in samples):
        warnings.append("No goalkeeper is labelled: they will not be told apart better.")
    kept = [sample for sample in samples if sample.image.name not in set(unlabelled)]
    return kept, warnings


def _readable(path: Path) -> bool:
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_8) is not None


def _square(path: Path) -> bool:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    return picture is not None and picture.shape[0] == picture.shape[1]


def _unlabelled(samples: Sequence[Sample], start: Path) -> list[str]:
    """Names of frames with an empty label file on which the start sees several people."""
    empty = [sample for sample in samples if not len(sample.boxes)]
    if not empty or start.suffix != ".onnx" or not knows_roles(start):
        return []
    detector = load_detector(start, score_threshold=_SURE)
    found = []
    for sample in empty:
        picture = read_picture(sample.image, float(np.mean(sample.aspect)) or None)
        if len(detector.detect([picture])[0]) >= _A_CROWD:
            found.append(sample.image.name)
    return found


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest
