"""How far Jarvis' labels and a person's agree: the differences, and figures of them.

Belongs here: matching two sets of labels of the same pictures. Does not belong here:
reading labels (``hockey/datasets``), detector figures against a test set (``detection``).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.review.boxes import as_centres
from jarvis_dagster.hockey.tracking.boxes import overlap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.hockey.datasets.model import Picture

__all__ = ["Agreement", "agreement_of", "compare"]

_SAME_IOU = 0.5
_MOVED_IOU = 0.9


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What a person did with the labels of some pictures.

    Attributes:
        kept: Boxes that stayed, class and all.
        moved: Stayed, of the same class, but were drawn anew.
        renamed: Stayed and got another class: (before, after) to how often.
        added, removed: By class.
        iou_sum: Of all boxes that stayed.
    """

    pictures: int
    kept: int
    moved: int
    renamed: dict[tuple[str, str], int]
    added: dict[str, int]
    removed: dict[str, int]
    iou_sum: float

    @property
    def stayed(self) -> int:
        """Boxes that both have, whatever their class."""
        return self.kept + self.moved + sum(self.renamed.values())

    def figures(self) -> dict[str, Any]:
        """All of it as plain values; shares are None where there is nothing to share.

        ``agreement`` is F1 of boxes with their class: 1 where a person changed nothing but
        edges. ``box_agreement`` is the same whatever the class, ``role_agreement`` the share
        of the people in both who kept their role.
        """
        added, removed = sum(self.added.values()), sum(self.removed.values())
        renamed = sum(self.renamed.values())
        both = 2 * self.stayed + added + removed
        return {
            "pictures": self.pictures,
            "kept": self.kept,
            "moved": self.moved,
            "renamed": {f"{a} -> {b}": n for (a, b), n in sorted(self.renamed.items())},
            "added": dict(sorted(self.added.items())),
            "removed": dict(sorted(self.removed.items())),
            "agreement": _share(2 * (self.stayed - renamed), both),
            "box_agreement": _share(2 * self.stayed, both),
            "role_agreement": _share(self.stayed - renamed, self.stayed),
            "mean_iou": _share(self.iou_sum, self.stayed),
        }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def compare(before: Picture, after: Picture) -> Agreement:
    """What was done with the labels of one picture: boxes that overlap by half are the same."""
    from scipy.optimize import linear_sum_assignment

    width, height = before.size_px
    scale = np.array([width, height] * 2, np.float64)
    iou = overlap(as_centres(before.boxes * scale), as_centres(after.boxes * scale))
    rows, columns = linear_sum_assignment(-np.where(iou >= _SAME_IOU, 1 + iou, 0))
    kept = moved = 0
    total = 0.0
    renamed: Counter[tuple[str, str]] = Counter()
    gone, new = set(range(len(before.boxes))), set(range(len(after.boxes)))
    for row, column in zip(rows, columns, strict=True):
        if iou[row, column] < _SAME_IOU:
            continue
        gone.discard(int(row))
        new.discard(int(column))
        total += float(iou[row, column])
        kinds = before.classes[row], after.classes[column]
        if kinds[0] != kinds[1]:
            renamed[kinds] += 1
        elif iou[row, column] < _MOVED_IOU:
            moved += 1
        else:
            kept += 1
    return Agreement(
        1,
        kept,
        moved,
        dict(renamed),
        dict(Counter(after.classes[i] for i in new)),
        dict(Counter(before.classes[i] for i in gone)),
        total,
    )


def agreement_of(found: Iterable[Agreement]) -> Agreement:
    """All of them together."""
    total = Agreement(0, 0, 0, {}, {}, {}, 0.0)
    for one in found:
        total = Agreement(
            total.pictures + one.pictures,
            total.kept + one.kept,
            total.moved + one.moved,
            dict(Counter(total.renamed) + Counter(one.renamed)),
            dict(Counter(total.added) + Counter(one.added)),
            dict(Counter(total.removed) + Counter(one.removed)),
            total.iou_sum + one.iou_sum,
        )
    return total
