"""Labelled frames for training: what one is, and splits by video.

Belongs here: a YOLO export as samples, grouped splits. Does not belong here: the label files
themselves (``detection.labels``), augmentation (``augment``), better boxes (``harmonise``).
"""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import (
    GOAL_NAMES,
    ROLES,
    class_index,
    class_names,
    find_images,
    parse_labels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Sample", "read_export", "split_by_group"]


@dataclasses.dataclass
class Sample:
    """One labelled frame. Boxes are x1 y1 x2 y2 as shares of the picture's width and height."""

    image: Path
    group: str
    """The video it comes from: frames of one group never stand on both sides of a split."""
    boxes: NDArray[np.float32]
    roles: NDArray[np.int64]
    tight: NDArray[np.bool_]
    """False where the box is known to be loose: it teaches presence and role, not extent."""
    ignore: NDArray[np.float32]
    """Boxes of people whom the labels left out: neither person nor background."""
    goals: NDArray[np.float32] | None
    """(G, 4) nets with their posts; None where the labels say nothing of goals."""
    aspect: tuple[float, float]
    """Range of the true width / height of the picture, which may be stored stretched."""


def read_export(folder: Path, *, aspect: tuple[float, float] | None = None) -> list[Sample]:
    """Read a YOLO export: ``images/``, ``labels/``, ``data.yaml`` and perhaps ``groups.csv``.

    ``groups.csv`` (columns image, video) says which video a frame is of; without it the
    whole export is one group. ``aspect`` is the true shape of stretched pictures; None takes
    what a column aspect of ``groups.csv`` says, or else the pictures as they are.

    Raises:
        BadInputError: a folder is missing, or no frame has a label.
    """
    names = class_names([folder])
    role_of = {number: index for number, index in class_index(names).items() if index < len(ROLES)}
    goal_numbers = [i for i, name in enumerate(names) if name.strip().lower() in GOAL_NAMES]
    groups = _groups(folder / "groups.csv")
    aspects = {name: float(row["aspect"]) for name, row in groups.items() if row.get("aspect")}
    samples = []
    for image in find_images(folder / "images"):
        label = folder / "labels" / f"{image.stem}.txt"
        if not label.is_file():
            continue
        kinds, boxes = parse_labels(label.read_text(encoding="utf-8"), str(label))
        keep = np.isin(kinds, list(role_of))
        samples.append(
            Sample(
                image=image,
                group=groups[image.name]["video"] if image.name in groups else folder.name,
                boxes=boxes[keep],
                roles=np.array([role_of[int(kind)] for kind in kinds[keep]], np.int64),
                tight=np.ones(int(keep.sum()), bool),
                ignore=np.zeros((0, 4), np.float32),
                goals=boxes[np.isin(kinds, goal_numbers)] if goal_numbers else None,
                aspect=aspect or (aspects.get(image.name, 0.0),) * 2,
            )
        )
    if not samples:
        raise BadInputError(f"No picture in {folder} has a label.", "Labels go to labels/*.txt.")
    return samples


def _groups(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["image"]: row for row in csv.DictReader(handle)}


def split_by_group(
    samples: Iterable[Sample], held_out: Sequence[str]
) -> tuple[list[Sample], list[Sample]]:
    """(training, held out): neighbouring frames are near copies, so videos are split, not frames.

    Raises:
        BadInputError: a group that no frame belongs to.
    """
    samples = list(samples)
    unknown = set(held_out) - {sample.group for sample in samples}
    if unknown:
        raise BadInputError(
            f"No frame is of {', '.join(sorted(unknown))}.",
            f"Groups: {', '.join(sorted({s.group for s in samples}))}.",
        )
    return (
        [s for s in samples if s.group not in held_out],
        [s for s in samples if s.group in held_out],
    )
