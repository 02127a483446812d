"""The pipeline ``hockey-role-classification``: crops of people to their roles.

Belongs here: crops of a dataset, figures by video. Does not belong here: the network
(``hockey/training/roles``).

It is judged on the people that the packaged detector finds, in the boxes that it draws, and
against the role that the detector itself gives them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.toolchain.kind import Evaluation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.datasets import Dataset, Picture
    from jarvis_dagster.hockey.training.roles import Crops
    from jarvis_dagster.toolchain.job import Job
    from jarvis_dagster.toolchain.kind import Progress, Report

__all__ = ["RoleClassification", "role_figures"]

_LEAST_HEIGHT_PX = 12


class RoleClassification:
    """See the module."""

    name = "hockey-role-classification"
    model = "hockey_roles"
    file = "roles.onnx"
    figure = "macro_f1"
    defaults: Mapping[str, Any] = {
        "steps": 1500,
        "batch": 64,
        "learning_rate": 2e-3,
        "weight_decay": 0.02,
        "seed": 7,
    }
    space: Mapping[str, Any] = {
        "learning_rate": (3e-4, 1e-2),
        "weight_decay": (1e-3, 0.2),
        "batch": [32, 64, 128],
    }

    def train(
        self, job: Job, data: Dataset, out: Path, *, report: Report, progress: Progress
    ) -> Path:
        """Cut the people of the training videos out, and train on them."""
        from jarvis_dagster.hockey.training.fitting import Fit
        from jarvis_dagster.hockey.training.roles import train_roles

        own = dict(job.options)
        batch = own.pop("batch")
        crops = _crops(data.of(job.split.training))
        return train_roles(
            crops, out, recipe=Fit(**own), batch=batch, report=report, progress=progress
        )

    def evaluate(self, model: Path | None, data: Dataset, *, progress: Progress) -> Evaluation:
        """Roles of the people that the packaged detector finds; None is its own answer."""
        from jarvis_dagster.hockey.detection import load_detector
        from jarvis_dagster.hockey.detection.evaluation import match, read_picture
        from jarvis_dagster.hockey.detection.role_reader import RoleReader
        from jarvis_dagster.hockey.training.gallery import Worst, draw_person

        worst = Worst()
        detector = load_detector().for_stills()
        reader = None if model is None else RoleReader(model)
        counts: dict[str, NDArray[np.int64]] = {}
        both = np.zeros((len(ROLES), len(ROLES)), np.int64)
        for number, picture in enumerate(data.labelled, 1):
            image = read_picture(picture.path, picture.aspect)
            boxes, roles = _people(picture, image.shape[1], image.shape[0])
            found = detector.detect([image])[0]
            pairs = match(boxes, found.xyxy, found.score)
            table = counts.setdefault(picture.video, np.zeros_like(both))
            if pairs:
                truth = roles[[person for person, _ in pairs]]
                rows = [row for _, row in pairs]
                mine = found.take(np.array(rows))
                share, said = mine.role_share, mine.class_index
                if reader is not None:
                    share = reader.share(image, mine.xyxy)
                    said = share.argmax(1)
                    np.add.at(both, (truth, reader.read(image, mine).class_index), 1)
                np.add.at(table, (truth, said), 1)
                for row in np.flatnonzero(said != truth):
                    own, a, b = share[row], said[row], truth[row]
                    worst.add(
                        float(own[a] - own[b]),
                        functools.partial(draw_person, image, mine.xyxy[row]),
                        f"{picture.path.name}: {_told(own, a, b)}",
                    )
            progress(number, len(data.labelled))
        whole = np.sum(list(counts.values()), axis=0) if counts else both
        metrics = role_figures(whole)
        if reader is not None:
            metrics |= {f"with_detector/{k}": v for k, v in role_figures(both).items()}
        return Evaluation(
            metrics=metrics,
            by_video={video: role_figures(table) for video, table in counts.items()},
            confusion={
                true: {said: int(whole[i, j]) for j, said in enumerate(ROLES)}
                for i, true in enumerate(ROLES)
            },
            draw_errors=worst.write,
        )


def _told(share: NDArray[np.float32], said: int, truth: int) -> str:
    """``goalkeeper (62%), is player (30%)``."""
    return f"{ROLES[said]} ({share[said]:.0%}), is {ROLES[truth]} ({share[truth]:.0%})"


def role_figures(counts: NDArray[np.int64]) -> dict[str, float]:
    """Figures of ``counts[true, said]``; a role that nobody has counts in no mean."""
    people = int(counts.sum())
    found: dict[str, float] = {"people": float(people)}
    if not people:
        return found
    found["accuracy"] = float(np.trace(counts)) / people
    f1 = []
    for index, role in enumerate(ROLES):
        right, own, said = counts[index, index], counts[index].sum(), counts[:, index].sum()
        if own:
            found[f"{role}_recall"] = float(right / own)
            f1.append(float(2 * right / (own + said)))
        if said:
            found[f"{role}_precision"] = float(right / said)
    found["macro_f1"] = float(np.mean(f1))
    return found


def _people(
    picture: Picture, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    people = [i for i, kind in enumerate(picture.classes) if kind in ROLES]
    boxes = picture.boxes[people].clip(0, 1) * np.array([width, height, width, height])
    roles = np.array([ROLES.index(picture.classes[i]) for i in people], np.int64)
    return boxes.astype(np.float32).reshape(-1, 4), roles


def _crops(data: Dataset) -> Crops:
    from jarvis_dagster.hockey.detection.evaluation import read_picture
    from jarvis_dagster.hockey.detection.role_reader import crop_people
    from jarvis_dagster.hockey.training.roles import Crops

    images: list[NDArray[np.uint8]] = []
    roles: list[NDArray[np.int64]] = []
    videos: list[str] = []
    for picture in data.labelled:
        image = read_picture(picture.path, picture.aspect)
        boxes, own = _people(picture, image.shape[1], image.shape[0])
        tall = boxes[:, 3] - boxes[:, 1] >= _LEAST_HEIGHT_PX
        images.append(crop_people(image, boxes[tall]))
        roles.append(own[tall])
        videos += [picture.video] * int(tall.sum())
    return Crops(np.concatenate(images), np.concatenate(roles), videos)
