"""The training loop of the network that sees the marks.

Belongs here: batches, loss, schedule, checkpoints. Does not belong here: the pictures, the
layers, export.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import multiprocessing
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jarvis_dagster.hockey.rink.training.frames import FramePool
from jarvis_dagster.hockey.rink.training.net import MARK_WEIGHT, MarkNet
from jarvis_dagster.hockey.rink.training.scenes import Scene, SceneMaker
from jarvis_dagster.hockey.rink.training.targets import targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TrainOptions", "train"]

_MEMORY = 0.99
_REMEMBERED = 600


@dataclasses.dataclass(frozen=True)
class TrainOptions:
    """How long and on what.

    Args:
        steps: Batches in all.
        batch: Pictures in one.
        fresh: Share of a batch that is drawn anew; the rest was shown before.
        pools: Folders of labelled frames, and the share of the pictures drawn from each.
        minutes: Stop early after this many, with the schedule shortened to fit.
    """

    steps: int = 800
    batch: int = 8
    seed: int = 1
    rate: float = 3e-3
    threads: int = 1
    fresh: float = 0.3
    minutes: float = 30.0
    pools: tuple[tuple[str, float], ...] = ()


def _batches(options: TrainOptions, queue: Any) -> None:
    """Fill ``queue`` with batches for ever; runs in a process of its own."""
    import cv2

    cv2.setNumThreads(1)
    for batch in _endless(options):
        queue.put(batch)


def _endless(options: TrainOptions) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float16]]]:
    from pathlib import Path

    rng = np.random.default_rng(options.seed)
    sources: list[Callable[[], Scene]] = [SceneMaker(options.seed)]
    shares = [1.0 - sum(share for _, share in options.pools)]
    for folder, share in options.pools:
        sources.append(FramePool(Path(folder), options.seed))
        shares.append(share)
    shown: list[tuple[NDArray[np.uint8], NDArray[np.float16]]] = []
    while True:
        images, answers = [], []
        for _ in range(options.batch):
            if len(shown) < 4 * options.batch or rng.random() < options.fresh:
                scene = sources[int(rng.choice(len(sources), p=shares))]()
                size = (scene.image.shape[1], scene.image.shape[0])
                answer = targets(scene.rink, scene.ice_to_px, size, scene.hidden)
                shown.append((scene.image, answer.astype(np.float16)))
                if len(shown) > _REMEMBERED:
                    shown.pop(0)
                picked = shown[-1]
            else:
                picked = shown[int(rng.integers(len(shown)))]
            mirror = -1 if rng.random() < 0.5 else 1
            image = picked[0][:, ::mirror].astype(np.float32) * rng.uniform(0.8, 1.2)
            images.append(np.clip(image, 0, 255).astype(np.uint8))
            answers.append(picked[1][:, :, ::mirror])
        yield np.stack(images), np.stack(answers)


def _loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy with soft answers; the little that is painted weighs as much as the rest."""
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    weight = 1.0 + MARK_WEIGHT * wanted
    weight[:, -1] = 0.5
    return (plain * weight).mean()


def train(
    out: Path,
    options: TrainOptions,
    start: Path | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Train and write ``out`` (a torch checkpoint of averaged weights); returns it.

    Args:
        start: A checkpoint to go on from.
    """
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    net = MarkNet()
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True)["net"])
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    kept = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), options.rate, weight_decay=1e-3)
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(maxsize=6)
    worker = context.Process(target=_batches, args=(options, queue), daemon=True)
    worker.start()
    began, done, losses = time.monotonic(), 0.0, []
    try:
        step = 0
        while done < 1.0:
            images, wanted = queue.get(timeout=300)
            step += 1
            spent = (time.monotonic() - began) / 60 / options.minutes
            done = max(step / options.steps, spent)
            for group in optimiser.param_groups:
                group["lr"] = options.rate * _schedule(min(done, 1.0))
            batch = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
            batch = batch.contiguous(memory_format=torch.channels_last)
            net.train()
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(batch)
            loss = _loss(logits.float(), torch.from_numpy(wanted).float())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            _average(kept, net, min(_MEMORY, step / (step + 10)))
            losses.append(float(loss.detach()))
            if step % 20 == 0:
                minutes = (time.monotonic() - began) / 60
                log(f"step {step} {minutes:.1f} min loss {np.mean(losses[-20:]):.4f}")
            if step % 100 == 0:
                _save(kept, out, options, step)
    finally:
        worker.terminate()
        worker.join()
    _save(kept, out, options, step)
    return out


def _schedule(done: float) -> float:
    """Warm up over a twentieth, then half a cosine."""
    if done < 0.05:
        return 0.05 + 0.95 * done / 0.05
    return float(0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (done - 0.05) / 0.95)))


@torch.no_grad()
def _average(kept: MarkNet, net: MarkNet, memory: float) -> None:
    for mine, theirs in zip(kept.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.mul_(memory).add_(theirs, alpha=1 - memory)
        else:
            mine.copy_(theirs)


def _save(net: MarkNet, out: Path, options: TrainOptions, step: int) -> None:
    part = out.with_name(out.name + ".part")
    state = {name: value.contiguous() for name, value in net.state_dict().items()}
    about = json.dumps({**dataclasses.asdict(options), "steps_done": step})
    torch.save({"net": state, "options": about}, part)
    part.replace(out)
