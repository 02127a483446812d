"""The pipeline ``ice-surface-detection``: a mask of the ice.

Belongs here: what it learns from, figures. Does not belong here: the network
(``hockey/training/ice``), the mask that is in use (``hockey/detection/icemask``).

Nobody labels ice. It is judged by what it is for: how well the packaged detector does with people
off the ice doubted by this mask; and, on rendered games never trained on, by the exact ice.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.toolchain.kind import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.datasets import Dataset, Picture
    from jarvis_dagster.hockey.detection.icemask import IceMask
    from jarvis_dagster.toolchain.job import Job
    from jarvis_dagster.toolchain.kind import Progress, Report

    Finder = Callable[[NDArray[np.uint8]], IceMask]

__all__ = ["IceSurface"]

_JUDGED_SEEDS = tuple(range(900, 906))
_FRAMES = 3  # of a rendered game
_MOST_PICTURES = 100
"""Of the dataset, spread evenly: the detector looks at each."""
_LOWEST_SCORE = 0.02


class IceSurface:
    """See the module."""

    name = "ice-surface-detection"
    model = "hockey_ice"
    file = "ice.onnx"
    figure = "ap50"
    defaults: Mapping[str, Any] = {
        "steps": 1500,
        "batch": 16,
        "learning_rate": 2e-3,
        "weight_decay": 0.02,
        "rendered_games": 60,
        "real_pictures": 400,
        "seed": 7,
    }
    space: Mapping[str, Any] = {
        "learning_rate": (3e-4, 1e-2),
        "weight_decay": (1e-3, 0.2),
        "batch": [8, 16, 32],
    }

    def train(
        self, job: Job, data: Dataset, out: Path, *, report: Report, progress: Progress
    ) -> Path:
        """Render games, take real pictures with the mask in use, and train on both."""
        from jarvis_dagster.hockey.training.fitting import Fit
        from jarvis_dagster.hockey.training.ice import rendered_ice, train_ice

        own = dict(job.options)
        games, real, batch = own.pop("rendered_games"), own.pop("real_pictures"), own.pop("batch")
        pictures = list(rendered_ice(range(1000, 1000 + games), _FRAMES, progress))
        pictures += _real(data.of(job.split.training), real)
        return train_ice(
            pictures, out, recipe=Fit(**own), batch=batch, report=report, progress=progress
        )

    def evaluate(self, model: Path | None, data: Dataset, *, progress: Progress) -> Evaluation:
        """The detector with this mask, and the mask against the exact ice of rendered games."""
        from jarvis_dagster.hockey.detection import load_detector
        from jarvis_dagster.hockey.detection.evaluation import (
            LabelledPicture,
            measure,
            read_picture,
        )
        from jarvis_dagster.hockey.detection.scene import put_in_place
        from jarvis_dagster.hockey.training.gallery import Worst, draw_ice

        worst = Worst()
        finder = _finder(model)
        threshold = load_detector().score_threshold
        detector = load_detector(score_threshold=_LOWEST_SCORE, on_ice_only=False)
        chosen = _spread(data.labelled, _MOST_PICTURES)
        pictures: dict[str, list[LabelledPicture]] = {}
        feet: dict[str, list[float]] = {}
        for number, picture in enumerate(chosen, 1):
            image = read_picture(picture.path, picture.aspect)
            height, width = image.shape[:2]
            people = [i for i, kind in enumerate(picture.classes) if kind in ROLES]
            boxes = (picture.boxes[people].clip(0, 1) * [width, height, width, height]).astype(
                np.float32
            )
            ice = finder(image)
            found = put_in_place(detector.detect([image])[0], ice, width, height, _LOWEST_SCORE)
            roles = np.array([ROLES.index(picture.classes[i]) for i in people], np.int64)
            pictures.setdefault(picture.video, []).append(LabelledPicture(boxes, roles, found))
            on_ice = np.array(_on_ice(ice, picture, people))
            feet.setdefault(picture.video, []).extend(on_ice)
            if (on_ice < 0.5).any():
                off = _feet(picture, people)[on_ice < 0.5]
                worst.add(
                    len(off),
                    functools.partial(draw_ice, image, ice.mask, off),
                    f"{picture.path.name}: the feet of {len(off)} of {len(people)} are off the ice",
                )
            progress(number, len(chosen))
        by_video = {
            video: _figures(measure(part, threshold), feet[video])
            for video, part in pictures.items()
        }
        every = [one for part in pictures.values() for one in part]
        whole = _figures(measure(every, threshold), [x for part in feet.values() for x in part])
        return Evaluation(
            {**whole, "rendered_iou": _rendered_iou(finder)}, by_video, draw_errors=worst.write
        )


def _figures(result: dict[str, Any], feet: list[float]) -> dict[str, float]:
    people = result["people"]
    found = {name: people[name] for name in ("ap50", "recall", "precision")}
    found["feet_on_ice"] = float(np.mean(feet)) if feet else None
    return {name: float(value) for name, value in found.items() if value is not None}


def _finder(model: Path | None) -> Finder:
    """The mask in use, or the network at ``model``."""
    from jarvis_dagster.hockey.detection.icemask import IceMask, find_ice

    if model is None:
        return find_ice
    from jarvis_dagster.hockey.detection.runtime import Network
    from jarvis_dagster.hockey.training.ice import shrunk

    network = Network(model)

    def found(image: NDArray[np.uint8]) -> IceMask:
        mask = np.array(network(shrunk(image)[None])["ice"][0])
        mask = (mask > 0.5).astype(np.float32)
        return IceMask(mask, float(mask.mean()))

    return found


def _on_ice(ice: IceMask, picture: Picture, people: list[int]) -> list[float]:
    """For each person, whether the lower middle of the box is on the mask."""
    if not people:
        return []
    rows, columns = ice.mask.shape
    x, y = _feet(picture, people).T
    return list(
        ice.mask[
            (y * rows).astype(int).clip(0, rows - 1), (x * columns).astype(int).clip(0, columns - 1)
        ].astype(float)
    )


def _feet(picture: Picture, people: list[int]) -> NDArray[np.float32]:
    boxes = picture.boxes[people].clip(0, 1)
    return np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3])).astype(np.float32)


def _rendered_iou(finder: Finder) -> float:
    """Mean intersection over union with the exact ice."""
    import cv2

    from jarvis_dagster.hockey.training.ice import rendered_ice

    values = []
    for picture in rendered_ice(_JUDGED_SEEDS, 2):
        mask = finder(picture.image).mask
        truth = cv2.resize(picture.mask, (mask.shape[1], mask.shape[0])) > 0.5
        said = mask > 0.5
        values.append(float((truth & said).sum()) / max(1, int((truth | said).sum())))
    return float(np.mean(values))


def _real(data: Dataset, most: int) -> list[Any]:
    """Pictures of the dataset where the mask in use can be believed."""
    from jarvis_dagster.hockey.detection.evaluation import read_picture
    from jarvis_dagster.hockey.training.ice import taught

    found = []
    for picture in _spread(data.labelled, most):
        people = [i for i, kind in enumerate(picture.classes) if kind in ROLES]
        image = read_picture(picture.path, picture.aspect)
        made = taught(image, _feet(picture, people)) if people else None
        if made is not None:
            found.append(made)
    return found


def _spread(pictures: tuple[Picture, ...], most: int) -> list[Picture]:
    if len(pictures) <= most:
        return list(pictures)
    chosen = np.linspace(0, len(pictures) - 1, most).round() if most else np.zeros(0)
    return [pictures[int(i)] for i in chosen]
