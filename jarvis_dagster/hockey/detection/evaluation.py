"""How good a detector is, on labelled pictures.

Belongs here: labels against detections, the measures, their table.
Does not belong here: how the detector works, tracking measures, pucks (``pucks``).

People are judged as people first (are they found, and only they), then by role among those
found. Average precision is ``supervision``'s, which follows the COCO protocol.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import (
    ROLES,
    class_index,
    class_names,
    find_images,
    parse_labels,
)
from jarvis_dagster.hockey.detection.pucks import measure_pucks, told_of_pucks
from jarvis_dagster.hockey.tables import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

    from jarvis_dagster.hockey.detection.base import Detections, Detector

__all__ = [
    "LabelledPicture",
    "evaluate_detector",
    "format_evaluation",
    "match",
    "measure",
    "parse_aspect",
    "read_picture",
]

_IOU = 0.5
_PUCK = CLASSES.index("puck")
_LOWEST_SCORE = 0.02  # of the detections that average precision ranks


@dataclasses.dataclass(frozen=True)
class LabelledPicture:
    """Boxes (M, 4) px of people and their roles (M,), and what was detected there."""

    boxes: NDArray[np.float32]
    roles: NDArray[np.int64]
    found: Detections
    pucks: NDArray[np.float32] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 4), np.float32)
    )
    """(P, 4) px."""


def parse_aspect(text: str | None) -> float | None:
    """``"16:9"`` or ``"1.78"`` as a number; None stays None.

    Raises:
        BadInputError: neither form, or not positive.
    """
    if text is None:
        return None
    try:
        width, _, height = text.partition(":")
        value = float(width) / float(height or 1)
    except (ValueError, ZeroDivisionError):
        value = 0.0
    if not 0.1 < value < 10:
        raise BadInputError(f"{text!r} is not a picture shape.", "Give width:height, as in 16:9.")
    return value


def read_picture(path: Path, aspect: float | None = None) -> NDArray[np.uint8]:
    """A picture as BGR, brought to the shape ``aspect`` where it was stored stretched.

    Raises:
        BadInputError: not a picture that can be read; the message names it.
    """
    import cv2

    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise BadInputError(f"{path.name} is not a readable picture.", "Remove or replace it.")
    if aspect is not None:
        height = image.shape[0]
        image = cv2.resize(image, (round(height * aspect), height))
    return np.asarray(image, np.uint8)


def evaluate_detector(
    images_dir: Path,
    labels_dir: Path,
    detector: Detector,
    *,
    score_threshold: float,
    aspect: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run ``detector`` on every picture that has a label file, and measure.

    ``detector`` should answer down to scores of about 0.02, which average precision needs;
    everything else is measured at ``score_threshold``. Class names come from a ``data.yaml``,
    ``classes.txt`` or ``obj.names`` beside the labels or the pictures, or up to two folders
    above. Pictures without a label file are left out and counted; an empty label file means
    that nobody is there. Boxes of class numbers that have no name are left out, and the numbers
    told.

    Raises:
        BadInputError: no picture, no label, a broken label, or an unreadable picture.
    """
    # As in folder/labels and, where exports are split, folder/labels/test.
    places = [
        place for own in (labels_dir, images_dir) for place in (own, *own.absolute().parents[:2])
    ]
    names = class_names(places)
    kinds = class_index(names)
    images = find_images(images_dir)
    pictures: list[LabelledPicture] = []
    unnamed: set[int] = set()
    unlabelled = 0
    for number, path in enumerate(images, 1):
        label = labels_dir / f"{path.stem}.txt"
        if label.is_file():
            image = read_picture(path, aspect)
            numbers, boxes = parse_labels(label.read_text(encoding="utf-8"), label.name)
            roles = np.array([kinds.get(int(n), -1) for n in numbers], np.int64)
            unnamed |= {int(n) for n in numbers if not 0 <= n < len(names)}
            people = (roles >= 0) & (roles < len(ROLES))
            size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
            found = detector.detect([image])[0]
            pucks = boxes[roles == _PUCK] * size
            pictures.append(LabelledPicture(boxes[people] * size, roles[people], found, pucks))
        else:
            unlabelled += 1
        if progress:
            progress(number, len(images))
    if not pictures:
        raise BadInputError(
            f"None of the {len(images)} pictures has a label in {labels_dir}.",
            "A label file has the picture's name and ends in .txt.",
        )
    return {
        "detector": detector.name,
        "version": detector.version,
        "pictures": len(pictures),
        "pictures_without_labels": unlabelled,
        "unnamed_classes": sorted(unnamed),
        **measure(pictures, score_threshold),
        "pucks": measure_pucks(
            [picture.pucks for picture in pictures],
            [picture.found for picture in pictures],
            score_threshold,
            looked_for=detector.finds_pucks,
        ),
    }


def measure(pictures: Sequence[LabelledPicture], score_threshold: float) -> dict[str, Any]:
    """Measures of people and roles, as a JSON-able dict.

    ``people``: recall and precision at ``score_threshold`` and IoU 0.5; ``ap50`` and
    ``ap50_95`` over all scores. ``roles``: precision, recall and F1 among the people found
    (so they say how well roles are told apart, not how many people are missed);
    ``goalkeeper_recall`` counts missed goalkeepers as misses. ``confusion[true][said]``, with
    ``missed`` and ``nobody`` for people not found and boxes without a person.
    """
    confusion = np.zeros((len(ROLES) + 1, len(ROLES) + 1), np.int64)
    for picture in pictures:
        sure = picture.found.take(picture.found.score >= score_threshold)
        pairs = match(picture.boxes, sure.xyxy, sure.score)
        for truth, answer in pairs:
            confusion[picture.roles[truth], sure.class_index[answer]] += 1
        known = {truth for truth, _ in pairs}
        for truth in set(range(len(picture.roles))) - known:
            confusion[picture.roles[truth], -1] += 1
        for answer in set(range(len(sure))) - {answer for _, answer in pairs}:
            confusion[-1, min(int(sure.class_index[answer]), len(ROLES) - 1)] += 1
    told = confusion[:-1, :-1]
    hits = int(told.sum())
    people = int(confusion[:-1].sum())
    boxes = int(confusion[:, :-1].sum())
    ap50, ap = _average_precision(pictures)
    roles = {name: _role(told, index) for index, name in enumerate(ROLES)}
    seen = [roles[name]["f1"] for i, name in enumerate(ROLES) if confusion[i].any()]
    keepers = int(confusion[1].sum())
    labels = [*ROLES, "missed"]
    return {
        "score_threshold": score_threshold,
        "people": {
            "count": people,
            "recall": _share(hits, people),
            "precision": _share(hits, boxes),
            "ap50": ap50,
            "ap50_95": ap,
        },
        "roles": roles,
        "role_macro_f1": float(np.mean(seen)) if seen else None,
        "goalkeeper_recall": _share(int(confusion[1, 1]), keepers),
        "confusion": {
            true: {said: int(confusion[i, j]) for j, said in enumerate(labels)}
            for i, true in enumerate([*ROLES, "nobody"])
        },
    }


def match(
    truth: NDArray[np.float32], boxes: NDArray[np.float32], score: NDArray[np.float32]
) -> list[tuple[int, int]]:
    """Pairs (person, box), each at most once: boxes in order of score take the best IoU >= .5."""
    if not len(truth) or not len(boxes):
        return []
    low = np.maximum(truth[:, None, :2], boxes[None, :, :2])
    high = np.minimum(truth[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (truth, boxes)]
    iou = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)
    pairs = []
    for box in np.argsort(-score, kind="stable"):
        person = int(iou[:, box].argmax())
        if iou[person, box] >= _IOU:
            pairs.append((person, int(box)))
            iou[person] = -1
    return pairs


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _role(told: NDArray[np.int64], index: int) -> dict[str, Any]:
    right, people, said = int(told[index, index]), int(told[index].sum()), int(told[:, index].sum())
    return {
        "people": people,
        "precision": _share(right, said),
        "recall": _share(right, people),
        "f1": 2 * right / (people + said) if people + said else 0.0,
    }


def _average_precision(pictures: Sequence[LabelledPicture]) -> tuple[float | None, float | None]:
    """AP at IoU .5 and over .5 to .95, of people whatever their role."""
    if not any(len(picture.roles) for picture in pictures):
        return None, None
    import supervision as sv
    from supervision.metrics import MeanAveragePrecision

    predictions, targets = [], []
    for picture in pictures:
        found = picture.found.take(picture.found.score >= _LOWEST_SCORE)
        predictions.append(
            sv.Detections(
                xyxy=found.xyxy, confidence=found.score, class_id=np.zeros(len(found), int)
            )
        )
        targets.append(
            sv.Detections(xyxy=picture.boxes, class_id=np.zeros(len(picture.roles), int))
        )
    result = MeanAveragePrecision().update(predictions, targets).compute()
    return float(result.map50), float(result.map50_95)


def format_evaluation(result: dict[str, Any]) -> Table:
    """The result of :func:`evaluate_detector` as a table for the terminal."""
    from rich.table import Table

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    people = result["people"]
    table = Table(title=f"{result['detector']} {result['version']}, {result['pictures']} pictures")
    for name in ("", "people", "precision", "recall", "F1 / AP50"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row(
        "people on the ice",
        str(people["count"]),
        percent(people["precision"]),
        percent(people["recall"]),
        percent(people["ap50"]),
        end_section=True,
    )
    for name, role in result["roles"].items():
        table.add_row(
            f"{name} (of those found)",
            str(role["people"]),
            percent(role["precision"]),
            percent(role["recall"]),
            percent(role["f1"]),
        )
    table.add_row("role macro-F1", "", "", "", percent(result["role_macro_f1"]))
    table.add_row("goalkeepers found and named", "", "", percent(result["goalkeeper_recall"]), "")
    caption = (
        f"IoU 0.5, score {result['score_threshold']:.2f}; AP50:95 {percent(people['ap50_95'])}"
        f"\n{told_of_pucks(result['pucks'])}"
    )
    if result["unnamed_classes"]:
        numbers = ", ".join(map(str, result["unnamed_classes"]))
        caption += (
            f"\nLeft out: boxes of class {numbers}, of which no data.yaml or classes.txt beside"
            " the labels tells the name."
        )
    table.caption = caption
    return table
