"""What stands before and behind the training of a detector: frames to train on, files to load.

Belongs here: a plan for an export, labels mended, rendered frames, the finished file. Does not
belong here: the training (``train``), the order of all steps (``adapt``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.training.dataset import Sample, split_by_group
from jarvis_dagster.hockey.training.export import export_onnx
from jarvis_dagster.hockey.training.harmonise import ignore_unlabelled, tighten
from jarvis_dagster.hockey.training.memory import attach
from jarvis_dagster.hockey.training.quantise import quantise
from jarvis_dagster.hockey.training.restore import facts_of
from jarvis_dagster.hockey.training.teacher import StartTeacher
from jarvis_dagster.hockey.training.train import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.training.memory import Memory
    from jarvis_dagster.hockey.training.net import HockeyNet

__all__ = ["Plan", "facts", "finish", "prepare", "rendered_frames"]

_CALIBRATION_PX = (768, 448)
_CALIBRATION_PICTURES = 20
_ROLE_NUMBER = {"player": 0, "goalkeeper": 1, "referee": 2}
_VISIBLE = 0.35
_USUAL: dict[str, object] = {
    "name": "hockey-nanodet-g",
    "score_threshold": 0.35,
    "width_px": 768,
    "still_width_px": 960,
    "nms_iou": 0.5,
}
"""Of a detector whose start says nothing: a checkpoint, the bare start network."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done with an export, by the names of its videos."""

    held_out: Sequence[str] = ()
    """Left for evaluation: never trained on."""
    aspect: tuple[float, float] | None = None
    """Range of the true width / height where an export stretched its pictures."""
    loose: Sequence[str] = ()
    """Boxes include the stick: tightened by the start network."""
    partly_labelled: Sequence[str] = ()
    """Some people on the ice have no label: they become regions to ignore."""
    rendered_games: Sequence[int] = (101, 102, 103, 104, 105)
    """Seeds of rendered games, of each of which twelve frames are added."""
    keep: Sequence[Path] = ()
    """Exports of other rinks, in which nothing should be lost."""
    share: float | None = None
    """Of the way from the start to where training arrives; None is chosen (see ``blend``)."""
    recipe: Recipe = dataclasses.field(default_factory=Recipe)


def prepare(training: Sequence[Sample], start: Path, out_dir: Path, plan: Plan) -> list[Sample]:
    """What is trained on: ``training`` with labels mended, and rendered frames.

    Raises:
        BadInputError: a video whose labels are to be mended and that has no frame here.
    """
    mended = [name for name in (*plan.loose, *plan.partly_labelled) if name not in plan.held_out]
    split_by_group(training, mended)
    samples = list(training)
    if mended:
        teacher = StartTeacher(start)
        samples = [_mended(sample, teacher, plan) for sample in training]
    return samples + rendered_frames(out_dir / "rendered", plan.rendered_games)


def _mended(sample: Sample, teacher: StartTeacher, plan: Plan) -> Sample:
    if sample.group in plan.loose:
        return tighten(sample, teacher, leave_out_unlabelled=True)
    if sample.group in plan.partly_labelled:
        return ignore_unlabelled(sample, teacher)
    return sample


def finish(
    net: HockeyNet,
    samples: Sequence[Sample],
    out_dir: Path,
    *,
    version: str,
    start: Path,
    memory: Memory | None = None,
) -> Path:
    """Write ``net``, trained from ``start``, to ``out_dir``: in floats and, calibrated on
    ``samples``, in integers. Both carry ``memory``."""
    exact = out_dir / "detector.float.onnx"
    export_onnx(net, exact, metadata=facts(version, start))
    if memory is not None:
        attach(exact, memory)
    target = out_dir / "detector.onnx"
    quantise(exact, target, _calibration(samples), start=start)
    return target


def facts(version: str, start: Path) -> dict[str, object]:
    """What a detector file says of itself: how it is to be used is as of ``start``."""
    return {**_USUAL, **facts_of(start), "version": version}


def _calibration(samples: Sequence[Sample]) -> list[NDArray[np.uint8]]:
    """Pictures of every video in turn, so that a large one does not set the ranges alone."""
    import cv2

    by_group: dict[str, list[Sample]] = {}
    for sample in samples:
        by_group.setdefault(sample.group, []).append(sample)
    each = -(-_CALIBRATION_PICTURES // len(by_group))
    chosen = [s for group in by_group.values() for s in group[:: max(1, len(group) // each)][:each]]
    pictures = (cv2.imread(str(sample.image), cv2.IMREAD_COLOR) for sample in chosen)
    return [cv2.resize(picture, _CALIBRATION_PX) for picture in pictures]


def rendered_frames(folder: Path, seeds: Sequence[int]) -> list[Sample]:
    """Twelve frames of each of the rendered games ``seeds``, written to ``folder``."""
    return [sample for seed in seeds for sample in _rendered(folder, seed)]


def _rendered(folder: Path, seed: int) -> list[Sample]:
    """Twelve frames of a rendered game, a second apart; odd seeds have the broadcast camera."""
    import cv2

    from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames

    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, (image, truth) in enumerate(
        iter_frames(
            GameSpec(seed=seed, duration_s=12, fps=1.0, camera="broadcast" if seed % 2 else "fixed")
        )
    ):
        path = folder / f"{seed}_{number:03d}.jpg"
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 88])
        height, width = image.shape[:2]
        boxes = np.array([seen.box for seen in truth.people], np.float32).reshape(-1, 4)
        boxes = (boxes / np.array([width, height, width, height], np.float32)).clip(0, 1)
        whole = (boxes[:, 2:] > boxes[:, :2]).all(1)
        clear = whole & np.array([seen.visibility > _VISIBLE for seen in truth.people], bool)
        roles = np.array([_ROLE_NUMBER[seen.person.role] for seen in truth.people], np.int64)
        samples.append(
            Sample(
                image=path,
                group="rendered",
                boxes=boxes[clear],
                roles=roles[clear],
                tight=np.ones(int(clear.sum()), bool),
                ignore=boxes[whole & ~clear],
                goals=None,
                aspect=(width / height, width / height),
            )
        )
    return samples
