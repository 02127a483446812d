"""The training loop of the detector.

Belongs here: batches, optimiser, averaging, checkpoints. Does not belong here: what the loss
is, where data comes from, how many steps there is time for (``pace``), how a result is judged.

Each thread works on a share of a batch of its own, and the gradients are averaged: threads that
share every layer wait for each other at each, and for all other programs of a busy machine.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.augment import Canvas, render
from jarvis_dagster.hockey.training.fitting import device
from jarvis_dagster.hockey.training.loss import Losses, Target, detection_loss
from jarvis_dagster.hockey.training.net import HockeyNet, cell_centres
from jarvis_dagster.hockey.training.restore import load_weights
from jarvis_dagster.hockey.video import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["Batch", "Recipe", "TrainingResult", "batches", "train_detector"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a training run is made of; stored in its checkpoint."""

    steps: int = 3000
    batch: int = 8
    width_px: int = 448
    height_px: int = 320
    """Of the canvas: a window onto a frame, smaller than the detector's input and so cheaper."""
    zoom: tuple[float, float] = (0.85, 2.6)
    """Range of scales, 1 fits a whole frame on the canvas; 1.43 is the detector's at 640 px."""
    learning_rate: float = 4e-4
    weight_decay: float = 0.01
    mosaic_share: float = 0.3
    average_steps: int = 400
    """The shipped weights are an exponential average over about this many steps."""
    group_power: float = 0.5
    """0: every video is shown equally often; 1: every frame is."""
    role_weights: tuple[float, float, float] = (1.0, 2.5, 2.0)
    bfloat16: bool = True
    """Autocast; on CPUs with AMX three times the speed, elsewhere better off."""
    threads: int = 1
    """Over so many a batch is shared out; one more makes the batches."""
    seed: int = 7


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """Where the weights went, and how the loss ran."""

    checkpoint: Path
    steps: int
    seconds: float
    losses: list[tuple[float, ...]]
    """(step, total, objectness, box, role, goal), means over 50 steps."""


@dataclasses.dataclass
class Batch:
    """Pictures (B, 3, H, W) float32 BGR 0 to 255, and who is on each."""

    images: torch.Tensor
    targets: list[Target]


def batches(
    samples: Sequence[Sample], recipe: Recipe, start: int, stop: int
) -> Generator[Batch, None, None]:
    """Batches number ``start`` to ``stop``; batch n is the same whatever was made before it."""
    import cv2

    weights = _sampling_weights(samples, recipe.group_power)
    size = (recipe.width_px, recipe.height_px)
    for step in range(start, stop):
        rng = np.random.default_rng((recipe.seed, step))
        canvases = []
        for _ in range(recipe.batch):
            count = 4 if rng.random() < recipe.mosaic_share else 1
            chosen = [samples[i] for i in rng.choice(len(samples), count, p=weights)]
            pictures = []
            for sample in chosen:
                picture = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
                if picture is None:
                    raise BadInputError(
                        f"{sample.image} is not a readable picture.",
                        "Replace it, or take its label away.",
                    )
                pictures.append(picture)
            canvases.append(render(chosen, pictures, size, recipe.zoom, rng))
        yield _collate(canvases)


def _sampling_weights(samples: Sequence[Sample], power: float) -> np.ndarray:
    """More often: videos with few frames, and frames with a goalkeeper or a referee."""
    names = [sample.group for sample in samples]
    count = {name: names.count(name) for name in set(names)}
    weights = np.array([count[name] ** (power - 1) for name in names])
    rare = np.array([1 + (s.roles == 1).any() + 0.25 * (s.roles == 2).any() for s in samples])
    return weights * rare / (weights * rare).sum()


def _collate(canvases: list[Canvas]) -> Batch:
    images = np.stack([c.image for c in canvases]).transpose(0, 3, 1, 2)
    targets = [
        Target(
            *(
                torch.from_numpy(part)
                for part in (c.boxes, c.roles, c.tight, c.ignore, c.goals, c.goals_unknown)
            )
        )
        for c in canvases
    ]
    return Batch(torch.from_numpy(np.ascontiguousarray(images)).float(), targets)


def train_detector(
    samples: Sequence[Sample],
    out_dir: Path,
    *,
    start: Path,
    recipe: Recipe | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[dict[str, float], int], None] | None = None,
) -> TrainingResult:
    """Fine-tune the detector on ``samples``, from ``start``, on a GPU if there is one.

    ``start`` is a detector that was exported, such as the packaged one, a checkpoint of an
    earlier training, or the person detector that the model card names (ONNX).

    Writes ``out_dir/checkpoint.pt`` every 250 steps and at the end, and continues from it
    when it is there and of the same recipe. Deterministic for a recipe up to the order of
    floating point sums.

    ``report`` is called with means of the losses by name every 50 steps, and at the end.

    Raises:
        BadInputError: no samples, an unreadable picture, or a checkpoint of another recipe.
    """
    recipe = recipe or Recipe()
    if not samples:
        raise BadInputError("There is no labelled frame to train on.", "Label some frames first.")
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    out_dir.mkdir(parents=True, exist_ok=True)
    state = _State.begin(out_dir / "checkpoint.pt", start, recipe)
    centres = cell_centres(recipe.height_px, recipe.width_px).to(state.device)
    role_weights = torch.tensor(recipe.role_weights, device=state.device)
    began = time.monotonic()
    recent: list[Losses] = []
    try:
        for batch in ahead(batches(samples, recipe, state.step, recipe.steps)):
            recent.append(state.advance(batch, centres, role_weights))
            if state.step % 50 == 0 or state.step == recipe.steps:
                mean = {
                    name: float(np.mean([getattr(one, name) for one in recent]))
                    for name in ("total", "objectness", "box", "role", "goal")
                }
                state.losses.append((state.step, *mean.values()))
                recent.clear()
                if report:
                    report(mean, state.step)
            if state.step % 250 == 0 or state.step == recipe.steps:
                state.save()
            if progress:
                progress(state.step, recipe.steps)
    finally:
        state.close()
    return TrainingResult(state.path, state.step, time.monotonic() - began, state.losses)


class _State:
    """Network, its running average and the optimiser: all that a checkpoint holds."""

    def __init__(self, path: Path, start: Path, recipe: Recipe) -> None:
        self.path, self.recipe, self.step = path, recipe, 0
        self.net = HockeyNet()
        load_weights(self.net, start)
        self.device = device()
        self.net.to(self.device)
        self.net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average = {k: v.clone() for k, v in self.net.state_dict().items()}
        self.losses: list[tuple[float, ...]] = []
        # A GPU is filled by a whole batch at once.
        self.threads = recipe.threads if self.device.type == "cpu" else 1
        new = {*self.net.role.parameters(), *self.net.goal.parameters()}
        old = [p for p in self.net.parameters() if p not in new]
        self._pool = ThreadPoolExecutor(
            self.threads, initializer=torch.set_num_threads, initargs=(1,)
        )
        self.optimiser = torch.optim.AdamW(
            [{"params": old, "share": 1.0}, {"params": list(new), "share": 5.0}],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )

    @classmethod
    def begin(cls, path: Path, start: Path, recipe: Recipe) -> _State:
        state = cls(path, start, recipe)
        if not path.is_file():
            return state
        saved = torch.load(path, weights_only=True, map_location=state.device)
        if saved["recipe"] != dataclasses.asdict(recipe):
            raise BadInputError(
                f"{path} was made by another recipe.", "Train into an empty folder."
            )
        state.step = saved["step"]
        state.losses = saved["losses"]
        state.net.load_state_dict(saved["net"])
        state.average = saved["average"]
        state.optimiser.load_state_dict(saved["optimiser"])
        return state

    def advance(self, batch: Batch, centres: torch.Tensor, role_weights: torch.Tensor) -> Losses:
        rate = self.recipe.learning_rate * _schedule(self.step, self.recipe.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        losses = self._gradients(batch, centres, role_weights)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(1 - 1 / self.recipe.average_steps, self.step / (self.step + 9))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return losses

    def close(self) -> None:
        self._pool.shutdown()

    def _gradients(self, batch: Batch, centres: torch.Tensor, role_weights: torch.Tensor) -> Losses:
        """Fill the gradients from ``batch``; its losses."""
        parameters = list(self.net.parameters())

        def of(rows: range) -> tuple[Losses, tuple[torch.Tensor, ...]]:
            images = batch.images[rows.start : rows.stop].to(self.device)
            images = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
                prediction = self.net(images)
            targets = [one.to(self.device) for one in batch.targets[rows.start : rows.stop]]
            losses = detection_loss(prediction, centres, targets, role_weights)
            gradients = torch.autograd.grad(losses.total, parameters, allow_unused=True)
            return dataclasses.replace(losses, total=losses.total.detach()), gradients

        shares = _shares(len(batch.targets), self.threads)
        answers = list(self._pool.map(of, shares))
        parts = [len(rows) / len(batch.targets) for rows in shares]
        for number, parameter in enumerate(parameters):
            found = [
                gradients[number] * part
                for (_, gradients), part in zip(answers, parts, strict=True)
                if gradients[number] is not None
            ]
            parameter.grad = torch.stack(found).sum(0) if found else None
        mean = [
            sum(
                float(getattr(losses, name)) * part
                for (losses, _), part in zip(answers, parts, strict=True)
            )
            for name in ("total", "objectness", "box", "role", "goal")
        ]
        return Losses(torch.tensor(mean[0]), *mean[1:])

    def save(self) -> None:
        part = self.path.with_suffix(".part")
        torch.save(
            {
                "recipe": dataclasses.asdict(self.recipe),
                "step": self.step,
                "losses": [
                    tuple(float(x) if i else int(x) for i, x in enumerate(row))
                    for row in self.losses
                ],
                # As a machine without a GPU can read them.
                "net": {name: value.cpu() for name, value in self.net.state_dict().items()},
                "average": {name: value.cpu() for name, value in self.average.items()},
                "optimiser": self.optimiser.state_dict(),
            },
            part,
        )
        part.replace(self.path)


def _shares(count: int, threads: int) -> list[range]:
    """``count`` pictures in at most ``threads`` runs of about the same length."""
    edges = [round(count * i / min(threads, count)) for i in range(min(threads, count) + 1)]
    return [range(a, b) for a, b in itertools.pairwise(edges)]


def _schedule(step: int, steps: int) -> float:
    """Warm-up, then a cosine down to a fiftieth."""
    warm_up = min(200, max(1, steps // 10))
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
