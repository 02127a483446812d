"""The pipeline ``hockey-detection``: labelled frames to a detector.

Belongs here: options to a plan, figures by video. Does not belong here: the training
(``hockey/training``), the measures (``hockey/detection/evaluation``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.toolchain.kind import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.datasets import Dataset, Picture
    from jarvis_dagster.hockey.detection.evaluation import LabelledPicture
    from jarvis_dagster.hockey.training.dataset import Sample
    from jarvis_dagster.hockey.training.keeping import Way
    from jarvis_dagster.hockey.training.net import HockeyNet
    from jarvis_dagster.toolchain.job import Job
    from jarvis_dagster.toolchain.kind import Progress, Report

__all__ = ["HockeyDetection"]

_LOWEST_SCORE = 0.02  # that average precision ranks


class HockeyDetection:
    """See the module. Starts from the packaged detector."""

    name = "hockey-detection"
    model = "hockey_detector"
    file = "detector.onnx"
    figure = "ap50"
    defaults: Mapping[str, Any] = {
        "steps": 800,
        "batch": 8,
        "learning_rate": 4e-4,
        "weight_decay": 0.01,
        "width_px": 448,
        "height_px": 320,
        "mosaic_share": 0.3,
        "rendered_games": 5,
        "loose": [],
        "partly_labelled": [],
        "keep": [],
        "threads": 2,
        "seed": 7,
    }
    space: Mapping[str, Any] = {"learning_rate": (5e-5, 2e-3), "weight_decay": (1e-3, 0.1)}

    def train(
        self, job: Job, data: Dataset, out: Path, *, report: Report, progress: Progress
    ) -> Path:
        """Train, go as far from the start as validation says, and quantise.

        Live metrics are means of the losses, every 50 steps. What the packaged detector has seen
        is kept as far as it remembers it. Validation videos that ``keep`` names tell what is lost
        on the way, the others what is gained.

        Raises:
            BadInputError: ``keep`` names no validation video.
        """
        from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
        from jarvis_dagster.hockey.training.build import Plan, finish, prepare
        from jarvis_dagster.hockey.training.dataset import read_export
        from jarvis_dagster.hockey.training.export import load_checkpoint
        from jarvis_dagster.hockey.training.keeping import Known, way_of
        from jarvis_dagster.hockey.training.memory import memory_of
        from jarvis_dagster.hockey.training.restore import network
        from jarvis_dagster.hockey.training.train import Recipe, train_detector

        own = dict(job.options)
        games, keep = own.pop("rendered_games"), own.pop("keep")
        kept = [video for video in job.split.validation if video in keep]
        if keep and not kept:
            raise BadInputError(
                f"None of {', '.join(keep)} is a validation video: nothing tells what is lost.",
                "Name one of them in `validation` as well (`--validation`).",
            )
        plan = Plan(
            held_out=job.split.held_out,
            loose=[v for v in own.pop("loose") if v in job.split.training],
            partly_labelled=[v for v in own.pop("partly_labelled") if v in job.split.training],
            rendered_games=tuple(range(101, 101 + games)),
            recipe=dataclasses.replace(Recipe(), **own),
        )
        frames = read_export(data.pictures[0].path.parents[1])
        chosen = [frame for frame in frames if frame.group in job.split.training]
        samples = prepare(chosen, PACKAGED_WEIGHTS, out, plan)
        result = train_detector(
            samples,
            out,
            start=PACKAGED_WEIGHTS,
            recipe=plan.recipe,
            progress=progress,
            report=lambda losses, step: report(
                {f"loss/{name}": value for name, value in losses.items()}, step
            ),
        )
        seen = [frame for frame in chosen if frame.group not in keep]
        replayed = [frame for frame in chosen if frame.group in keep] if seen else []
        rinks = len({frame.group for frame in replayed})
        known = Known(memory_of(PACKAGED_WEIGHTS)[0], replayed, rinks)
        way = way_of(
            network(PACKAGED_WEIGHTS), load_checkpoint(result.checkpoint), seen or chosen, known
        )
        judges = [frame for frame in frames if frame.group in job.split.validation]
        share = _share(way, judges, kept, out)
        net = way.at(share)
        report({"blend/share": share, "blend/rinks_kept": way.rinks}, result.steps)
        version = f"{result.steps}-steps"
        learnt = way.remembered(net, seen or chosen)
        return finish(net, samples, out, version=version, start=PACKAGED_WEIGHTS, memory=learnt)

    def evaluate(self, model: Path | None, data: Dataset, *, progress: Progress) -> Evaluation:
        """People and roles; None is the packaged detector."""
        from jarvis_dagster.hockey.detection import load_detector
        from jarvis_dagster.hockey.detection.evaluation import measure
        from jarvis_dagster.hockey.training.sheet import draw_each

        threshold = load_detector(model).score_threshold
        detector = load_detector(model, score_threshold=_LOWEST_SCORE).for_stills()
        every: list[LabelledPicture] = []
        pictures: dict[str, list[LabelledPicture]] = {}
        for number, picture in enumerate(data.labelled, 1):
            found = _labelled(picture, detector.detect)
            pictures.setdefault(picture.video, []).append(found)
            every.append(found)
            progress(number, len(data.labelled))
        sources = [(picture.path, picture.aspect) for picture in data.labelled]
        whole = measure(every, threshold)
        return Evaluation(
            metrics=_flat(whole),
            by_video={video: _flat(measure(part, threshold)) for video, part in pictures.items()},
            confusion=whole["confusion"],
            draw_errors=lambda folder: draw_each(sources, every, threshold, folder),
        )


def _share(way: Way, judges: Sequence[Sample], kept: Sequence[str], out: Path) -> float:
    """How far to go from the start to where training arrived: what validation frames say.

    Where none of them is of a rink to keep, as little as has most of the gain.
    """
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
    from jarvis_dagster.hockey.training.blend import choose_share
    from jarvis_dagster.hockey.training.build import facts
    from jarvis_dagster.hockey.training.export import export_onnx
    from jarvis_dagster.hockey.training.judge import measured, worth
    from jarvis_dagster.hockey.training.keeping import share_to_go

    def write(net: HockeyNet) -> Path:
        model = out / "blend.onnx"
        export_onnx(net, model, metadata=facts("blend", PACKAGED_WEIGHTS))
        return model

    if kept or not judges:
        new = [frame for frame in judges if frame.group not in kept]
        others = {video: [one for one in judges if one.group == video] for video in kept}
        return share_to_go(way, new, others, write, lambda *_: None)
    value: dict[float, float] = {}
    for share in way.shares:
        if share <= way.careful:
            model = write(way.at(share))
            value[share] = worth(measured(model, judges, one_look=True))
            model.unlink()
    return choose_share(value)


def _labelled(picture: Picture, detect: Callable[[list[Any]], list[Any]]) -> LabelledPicture:
    from jarvis_dagster.hockey.detection.evaluation import LabelledPicture, read_picture

    image = read_picture(picture.path, picture.aspect)
    size = np.array([image.shape[1], image.shape[0]] * 2, np.float64)
    people = [i for i, kind in enumerate(picture.classes) if kind in ROLES]
    return LabelledPicture(
        boxes=(picture.boxes[people].clip(0, 1) * size).astype(np.float32),
        roles=np.array([ROLES.index(picture.classes[i]) for i in people], np.int64),
        found=detect([image])[0],
    )


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """What can be measured, as numbers by name."""
    people = result["people"]
    found = {
        "people": people["count"],
        "ap50": people["ap50"],
        "ap50_95": people["ap50_95"],
        "recall": people["recall"],
        "precision": people["precision"],
        "role_macro_f1": result["role_macro_f1"],
        "goalkeeper_recall": result["goalkeeper_recall"],
    }
    return {name: float(value) for name, value in found.items() if value is not None}
