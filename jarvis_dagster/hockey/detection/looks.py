"""Several looks at one picture, merged into one answer.

Belongs here: agreeing on boxes. Does not belong here: which looks are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.overlap import overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["merge_looks"]

_SAME_IOU = 0.55


def merge_looks(looks: Sequence[Detections], score_threshold: float) -> Detections:
    """What ``looks`` say together: weighted box fusion (Solovyev et al. 2021).

    Boxes of the same person become their mean, weighted by score, and so do the roles; the
    score is the mean over all looks, so that a person whom one look missed is doubted. Only
    scores from ``score_threshold`` on are kept.
    """
    if len(looks) == 1:
        return looks[0]
    boxes, score, share = _fused(
        [look.xyxy for look in looks],
        [look.score for look in looks],
        [look.role_share for look in looks],
    )
    goals, goal_score, _ = _fused(
        [look.goals for look in looks],
        [look.goal_score for look in looks],
        [np.zeros((len(look.goals), 0), np.float32) for look in looks],
    )
    found = Detections(boxes, score, share.argmax(1), share, goals, goal_score)
    return found.take(np.flatnonzero(score >= score_threshold))


def _fused(
    boxes: list[NDArray[np.float32]],
    scores: list[NDArray[np.float32]],
    shares: list[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4), scores (N,) and shares (N, S) of each group, best score first."""
    look = np.repeat(np.arange(len(boxes)), [len(part) for part in boxes])
    box, score, share = (np.concatenate(part) for part in (boxes, scores, shares))
    same = overlaps(box, box)[0] > _SAME_IOU
    free = np.ones(len(box), bool)
    rows = []
    for row in np.argsort(-score, kind="stable"):
        if not free[row]:
            continue
        group = np.flatnonzero(same[row] & free)
        free[group] = False
        weight = score[group] / score[group].sum()
        best = [score[group[look[group] == number]].max(initial=0) for number in range(len(boxes))]
        rows.append((weight @ box[group], np.mean(best), weight @ share[group]))
    if not rows:
        return box, score, share
    merged = [np.array(part, np.float32) for part in zip(*rows, strict=True)]
    order = np.argsort(-merged[1], kind="stable")
    return merged[0][order], merged[1][order], merged[2][order]
