"""From the answers of well-known networks to boxes and the scores of their classes.

Belongs here: what the numbers of NanoDet, YOLOX and the DETR family mean. Does not belong here:
which class is what, duplicates (``described``), the project's own network (``decoding``).

Each function returns boxes (N, 4) ``x1 y1 x2 y2`` in pixels of the network's input and class
scores (N, C) from 0 to 1. Sources: Ge et al. 2021 (YOLOX), Li et al. 2020 (the distribution of
distances that NanoDet answers with), Carion et al. 2020 (DETR), Zhao et al. 2024 (RT-DETR).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.decoding import cell_centres, softmax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.description import Description

    Answer = tuple[NDArray[np.float32], NDArray[np.float32]]
    Answers = Mapping[str, NDArray[np.float32]]

__all__ = ["boxes_and_scores"]


def boxes_and_scores(answers: Answers, size: tuple[int, int], how: Description) -> Answer:
    """Boxes and class scores of one picture.

    Args:
        answers: The network's outputs by name, for a batch of one.
        size: (width, height) of the network's input.

    Raises:
        BadInputError: the answers are not those of ``how.layout``.
    """
    parts = [np.asarray(value)[0] for value in answers.values()]
    try:
        return {"nanodet": _nanodet, "yolox": _yolox, "detr": _detr}[how.layout](parts, size, how)
    except (ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in answers.items())
        raise BadInputError(
            f"These are not the answers of a network with the layout {how.layout}: {shapes}"
            f" for an input of {size[0]}x{size[1]} ({error}).",
            "Change layout, strides, bins or classes in the file beside the detector.",
        ) from error


def _nanodet(parts: list[NDArray[Any]], size: tuple[int, int], how: Description) -> Answer:
    """One output ``classes + 4 * bins`` wide, or for each stride one of each."""
    wide = 4 * how.bins
    if len(parts) == 1:
        score, sides = parts[0][:, :-wide], parts[0][:, -wide:]
    else:
        by_cells = sorted(parts, key=len, reverse=True)
        score = np.concatenate([part for part in by_cells if part.shape[1] != wide])
        sides = np.concatenate([part for part in by_cells if part.shape[1] == wide])
    cells = cell_centres(size, how.strides, how.cell_centre)
    if len(cells) != len(score) or len(cells) != len(sides):
        raise ValueError(f"{len(cells)} cells are expected")
    distance = softmax(sides.reshape(-1, 4, how.bins)) @ np.arange(how.bins, dtype=np.float32)
    distance = distance * cells[:, 2:]
    low, high = cells[:, :2] - distance[:, :2], cells[:, :2] + distance[:, 2:]
    return np.concatenate((low, high), 1), score


def _yolox(parts: list[NDArray[Any]], size: tuple[int, int], how: Description) -> Answer:
    """One output: centre, sides, whether anything is there, which class."""
    (answer,) = parts
    centre, sides = answer[:, :2], answer[:, 2:4]
    if not how.decoded:
        cells = cell_centres(size, how.strides, 0.0)
        if len(cells) != len(answer):
            raise ValueError(f"{len(cells)} cells are expected")
        centre = centre * cells[:, 2:] + cells[:, :2]
        sides = np.exp(sides.clip(max=12)) * cells[:, 2:]
    return np.concatenate((centre - sides / 2, centre + sides / 2), 1), answer[:, 5:] * answer[
        :, 4:5
    ]


def _detr(parts: list[NDArray[Any]], size: tuple[int, int], how: Description) -> Answer:
    """Boxes ``centre, sides`` as shares of the picture and logits, each with a row a query.

    A network that decided itself answers with labels, boxes and scores instead.
    """
    flat = [part for part in parts if part.ndim == 1]
    wide = [part for part in parts if part.ndim == 2]
    (boxes,) = [part for part in wide if part.shape[1] == 4]
    if len(flat) == 2:
        labels, score = sorted(flat, key=lambda part: np.issubdtype(part.dtype, np.floating))
        scores = np.zeros((len(boxes), max(how.classes) + 1), np.float32)
        known = labels <= max(how.classes)
        scores[np.flatnonzero(known), labels[known].astype(int)] = score[known]
        return boxes, scores
    (logits,) = [part for part in wide if part is not boxes]
    corner = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
    corner *= np.array([*size, *size], np.float32)
    return corner.astype(np.float32), 1 / (1 + np.exp(-logits.clip(-60, 60)))
