"""How well pucks are found, on labelled pictures.

Belongs here: what counts as a puck found, and the figures. Does not belong here: people
(``evaluation``), finding pucks.

A puck is some ten pixels wide, and labels of it are a few pixels off: overlap says little. It is
found where a box has its centre within one length of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections

__all__ = ["matched_pucks", "measure_pucks", "told_of_pucks"]

_REACH = 1.0
"""In lengths of the labelled box's longer side, between the centres."""


def measure_pucks(
    truth: Sequence[NDArray[np.float32]],
    found: Sequence[Detections],
    score_threshold: float,
    *,
    looked_for: bool,
) -> dict[str, Any]:
    """Recall and precision of pucks at ``score_threshold``, as a JSON-able dict.

    Args:
        truth: Boxes (P, 4) px of the labelled pucks, a picture each.
        looked_for: Whether the detector looks for pucks at all: where not, recall is 0.
    """
    hits = labelled = boxes = 0
    for wanted, answer in zip(truth, found, strict=True):
        sure = answer.puck_score >= score_threshold
        hits += matched_pucks(wanted, answer.pucks[sure], answer.puck_score[sure])
        labelled, boxes = labelled + len(wanted), boxes + int(sure.sum())
    return {
        "looked_for": looked_for,
        "count": labelled,
        "boxes": boxes,
        "recall": hits / labelled if labelled else None,
        "precision": hits / boxes if boxes else None,
    }


def matched_pucks(
    truth: NDArray[np.float32], boxes: NDArray[np.float32], score: NDArray[np.float32]
) -> int:
    """How many of ``truth`` are found: boxes in order of score take the nearest within reach."""
    if not len(truth) or not len(boxes):
        return 0
    apart = (truth[:, None, :2] + truth[:, None, 2:] - boxes[None, :, :2] - boxes[None, :, 2:]) / 2
    length = np.maximum((truth[:, 2:] - truth[:, :2]).max(1), 1e-6)
    distance = np.hypot(apart[..., 0], apart[..., 1]) / length[:, None]
    hits = 0
    for box in np.argsort(-score, kind="stable"):
        nearest = int(distance[:, box].argmin())
        if distance[nearest, box] <= _REACH:
            distance[nearest] = np.inf
            hits += 1
    return hits


def told_of_pucks(figures: dict[str, Any]) -> str:
    """The figures as a sentence."""

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    if not figures["looked_for"]:
        labelled = f" of {figures['count']} labelled" if figures["count"] else ""
        return f"Pucks are not supported: this detector looks for none, and finds 0{labelled}."
    if not figures["count"]:
        return "No puck is labelled in these pictures."
    return (
        f"Of {figures['count']} labelled pucks {percent(figures['recall'])} are found;"
        f" {percent(figures['precision'])} of {figures['boxes']} boxes are pucks."
    )
