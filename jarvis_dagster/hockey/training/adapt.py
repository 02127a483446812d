"""From corrected frames to a detector that is better on them and no worse elsewhere.

Belongs here: the order of the steps, within a budget of time. Does not belong here: the steps
themselves, what is printed (``commands/train``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from typing import TYPE_CHECKING, Protocol

import torch

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.build import facts, finish, prepare, rendered_frames
from jarvis_dagster.hockey.training.dataset import read_export, split_by_group
from jarvis_dagster.hockey.training.export import export_onnx, load_checkpoint
from jarvis_dagster.hockey.training.holdout import Split, hold_out
from jarvis_dagster.hockey.training.judge import Figures, is_better, measured
from jarvis_dagster.hockey.training.keeping import Known, kept_frames, share_to_go, way_of
from jarvis_dagster.hockey.training.memory import Memory, memory_of
from jarvis_dagster.hockey.training.merge import entering
from jarvis_dagster.hockey.training.pace import affordable_steps, step_seconds, usable_threads
from jarvis_dagster.hockey.training.restore import knows_roles, network
from jarvis_dagster.hockey.training.shrink import shrunk
from jarvis_dagster.hockey.training.train import Recipe, train_detector
from jarvis_dagster.hockey.training.vetting import vetted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.build import Plan
    from jarvis_dagster.hockey.training.dataset import Sample
    from jarvis_dagster.hockey.training.net import HockeyNet

__all__ = ["ADAPTING", "Outcome", "Watcher", "adapt_detector"]

ADAPTING = Recipe(learning_rate=2.5e-4, average_steps=200)
"""Gentler than from the bare start: what is known already is to stay."""
_USUAL_STEPS = 250
"""That rate is for so many; it falls with the root of more, and the way stays about as long."""

_JUDGED_GAMES = (201, 202)
"""Seeds of rendered games that are never trained on."""
_TAIL_S = 90.0
"""After training: merging, remembering and rounding to integers. Measuring takes what it took
before."""


class Watcher(Protocol):
    """Hears how far it is."""

    def step(self, name: str, done: int, total: int) -> None:
        """``done`` of ``total`` of the step ``name``: prepare, measure or train."""

    def say(self, text: str) -> None:
        """Something that the user should know."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a training."""

    detector: Path
    steps: int
    seconds: float
    share: float
    """Of the way from the start to where training arrived; see ``keeping.way_of``."""
    rinks_kept: int
    """Whose answers the way keeps, remembered or shown again; 0: it is the straight line."""
    held_out: str
    """What was held out, for people; empty if nothing could be spared."""
    before: dict[str, Figures]
    """Of the start, on ``held out`` and ``rendered`` frames, and for each export to keep on
    ``kept: NAME``; empty if it knew no hockey."""
    after: dict[str, Figures]
    better: bool | None
    """None: nothing tells."""


def adapt_detector(
    data: Path,
    start: Path,
    out_dir: Path,
    plan: Plan,
    *,
    watcher: Watcher,
    minutes: float = 10.0,
    steps: int | None = None,
) -> Outcome:
    """Train on the export in ``data`` for about ``minutes`` in all, or exactly ``steps``.

    Writes ``detector.onnx``, ``detector.float.onnx``, ``report.json``, ``held_out.png`` (what
    it still gets wrong) and checkpoints to ``out_dir``; the same call again continues from the
    last checkpoint. If ``plan`` names no video to hold out, one is chosen. What ``start``
    remembers of other rinks is kept, and the new detector remembers this one as well. Of each
    export that ``plan`` wants kept, one video tells what is lost there, and the others are
    trained on as well.

    Raises:
        BadInputError: the export, the start or an earlier checkpoint does not fit.
    """
    began = time.monotonic()
    out_dir.mkdir(parents=True, exist_ok=True)
    samples, warnings = vetted(read_export(data, aspect=plan.aspect), data, start)
    split = _split(samples, plan)
    for text in (*warnings, split.warning):
        if text:
            watcher.say(text)
    aside = f", {len(split.held_out)} held out ({split.name})" if split.held_out else ""
    watcher.say(f"{len(split.training)} frames to train on{aside}.")
    memory = _memory(plan, start, watcher)
    replayed, kept = kept_frames(plan, start, out_dir / "frames", watcher.say)
    shown = [*shrunk(split.training, out_dir / "frames"), *replayed]
    settled = _settled_recipe(plan, out_dir, shown, steps)
    training = prepare(shown, start, out_dir, plan)
    sets = {
        "held out": split.held_out,
        "rendered": rendered_frames(out_dir / "rendered", _JUDGED_GAMES),
        **kept,
    }
    measuring = time.monotonic()
    first = network(start) if knows_roles(start) else None
    before = {} if first is None else _figures(_as_onnx(start, first, out_dir), sets, watcher)
    measuring_s = time.monotonic() - measuring
    left_s = 60 * minutes - (time.monotonic() - began) - _TAIL_S - 2 * measuring_s
    recipe = settled or _timed_recipe(plan, training, start, left_s, watcher)
    result = train_detector(
        training,
        out_dir,
        start=start,
        recipe=recipe,
        progress=lambda done, total: watcher.step("train", done, total),
    )
    net, share, rinks = load_checkpoint(result.checkpoint), 1.0, 0
    learnt: Memory | None
    if first is None:
        learnt = Memory.of(entering(net, split.training), 1)
    else:
        way = way_of(first, net, split.training, Known(memory, replayed, len(plan.keep)))
        rinks = way.rinks
        share = (
            plan.share
            if plan.share is not None
            else share_to_go(way, split.held_out, kept, _writer(out_dir, start), watcher.step)
        )
        net = way.at(share)
        learnt = way.remembered(net, split.training)
    version = f"{result.steps}-steps"
    detector = finish(net, training, out_dir, version=version, start=start, memory=learnt)
    after = _figures(detector, sets, watcher, out_dir / "held_out.png")
    judged = "held out" in before and is_better(before["held out"], after["held out"])
    outcome = Outcome(
        detector=detector,
        steps=result.steps,
        seconds=time.monotonic() - began,
        share=share,
        rinks_kept=rinks,
        held_out=split.name,
        before=before,
        after=after,
        better=judged if "held out" in before else None,
    )
    report = {**dataclasses.asdict(outcome), "detector": detector.name}
    (out_dir / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    return outcome


def _memory(plan: Plan, start: Path, watcher: Watcher) -> Memory | None:
    """What ``start`` remembers; where a detector remembers nothing, that is said."""
    if not knows_roles(start):
        return None
    memory, why = memory_of(start)
    if memory is None and not plan.keep:
        watcher.say(
            f"{why} Little is learnt then, so that little is lost elsewhere; name frames of other "
            "rinks with --keep to learn more."
        )
    return memory


def _split(samples: Sequence[Sample], plan: Plan) -> Split:
    if not plan.held_out:
        return hold_out(samples)
    training, held = split_by_group(samples, plan.held_out)
    if not training:
        raise BadInputError("Every video is held out.", "Leave one to train on.")
    return Split(training, held, ", ".join(plan.held_out))


def _settled_recipe(
    plan: Plan, out_dir: Path, training: Sequence[Sample], steps: int | None
) -> Recipe | None:
    """The recipe that the user or an earlier, stopped run has settled.

    Raises:
        BadInputError: the earlier run was another.
    """
    note, frames = out_dir / "frames.sha256", _digest(training)
    if note.is_file() and note.read_text(encoding="utf-8") != frames:
        raise BadInputError(
            f"{out_dir} holds a training on other frames or labels.", "Train into an empty folder."
        )
    note.write_text(frames, encoding="utf-8")
    checkpoint = out_dir / "checkpoint.pt"
    if checkpoint.is_file():
        settled = Recipe(**torch.load(checkpoint, weights_only=True, map_location="cpu")["recipe"])
        return settled if steps is None else dataclasses.replace(settled, steps=steps)
    if steps is None:
        return None
    return _of_length(plan.recipe, steps)


def _of_length(recipe: Recipe, steps: int) -> Recipe:
    rate = recipe.learning_rate * min(1.0, (_USUAL_STEPS / steps) ** 0.5)
    return dataclasses.replace(recipe, steps=steps, learning_rate=rate, threads=usable_threads())


def _digest(samples: Sequence[Sample]) -> str:
    told = hashlib.sha256()
    for sample in samples:
        told.update(sample.image.name.encode())
        for part in (sample.boxes, sample.roles, sample.goals):
            told.update(b"unknown" if part is None else part.tobytes())
    return told.hexdigest()


def _timed_recipe(
    plan: Plan, training: Sequence[Sample], start: Path, left_s: float, watcher: Watcher
) -> Recipe:
    began = time.monotonic()
    recipe = dataclasses.replace(plan.recipe, threads=usable_threads())
    step_s = step_seconds(training, start, recipe)
    steps = affordable_steps(left_s - (time.monotonic() - began), step_s)
    watcher.say(f"{steps} steps of {step_s:.2f} s: about {steps * step_s / 60:.0f} minutes.")
    return _of_length(plan.recipe, steps)


def _as_onnx(start: Path, net: HockeyNet, out_dir: Path) -> Path:
    if start.suffix == ".onnx":
        return start
    target = out_dir / "start.onnx"
    export_onnx(net, target, metadata=facts("start", start))
    return target


def _writer(out_dir: Path, start: Path) -> Callable[[HockeyNet], Path]:
    def write(net: HockeyNet) -> Path:
        model = out_dir / "blend.onnx"
        export_onnx(net, model, metadata=facts("blend", start))
        return model

    return write


def _figures(
    model: Path,
    sets: Mapping[str, Sequence[Sample]],
    watcher: Watcher,
    sheet: Path | None = None,
) -> dict[str, Figures]:
    return {
        name: measured(
            model,
            frames,
            sheet=sheet if name == "held out" else None,
            progress=lambda done, total: watcher.step("measure", done, total),
        )
        for name, frames in sets.items()
        if frames
    }
