"""What three hundred frames of a new rink are worth to the packaged detector, and what they cost.

    python benchmarks/new_rink.py --work DIR [--rinks dim bright] [--minutes 10 | --steps 500]
        [--labelled DIR --coco FILE --aspect 16:9] [--others FOLDER ...]

Seven rendered games in a rink that is filmed by a fixed camera: six are trained on (fifty frames
each), as ``jarvis train`` does, one is measured. The ``dim`` rink has weak yellow lamps behind
hazy glass; the ``bright`` one blue lamps, and a camera that is not sharp. Of several rinks each is
learnt from the detector that the one before made, and all are measured after each.

In the others nothing should be lost: ``--labelled`` is the export that the packaged detector was
trained on, of whose videos every few frames are measured (the loose boxes of its broadcast
tightened by what ``--coco``, the bare start network, sees); ``--others`` are further exports.
Stopped, the same command continues.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.detection.evaluation import parse_aspect
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames
from jarvis_dagster.hockey.training.adapt import ADAPTING, adapt_detector
from jarvis_dagster.hockey.training.build import Plan
from jarvis_dagster.hockey.training.dataset import Sample, read_export
from jarvis_dagster.hockey.training.harmonise import tighten
from jarvis_dagster.hockey.training.holdout import in_order
from jarvis_dagster.hockey.training.judge import Figures, fallen, measured
from jarvis_dagster.hockey.training.teacher import StartTeacher

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_GAMES = {
    "dim": (902, 904, 906, 908, 910, 912, 914),
    "bright": (1002, 1004, 1006, 1008, 1010, 1012, 1014),
}
_FRAMES = 50
_ROLES = ("player", "goalkeeper", "referee")
_VISIBLE = 0.35
_BROADCAST, _BROADCAST_SHAPE = "broadcast_1995", 1.6
_MEASURED = 30
"""Of each labelled video: about so many frames."""


class Told:
    """Prints what training says."""

    def step(self, name: str, done: int, total: int) -> None:
        """Every fiftieth."""
        if done % 50 == 0:
            print(f"{name}: {done} of {total}", flush=True)

    def say(self, text: str) -> None:
        """As it is."""
        print(text, flush=True)


def dim(picture: NDArray[np.uint8], noise: np.random.Generator) -> NDArray[np.uint8]:
    """The same as weak lamps and hazy glass would show it."""
    soft = cv2.GaussianBlur(picture, (0, 0), 1.6).astype(np.float32) / 255
    lit = 255 * soft**1.9 * np.array([0.80, 0.95, 1.0], np.float32) * 0.62 + 18
    return np.clip(lit + noise.normal(0, 5, lit.shape), 0, 255).astype(np.uint8)


def bright(picture: NDArray[np.uint8], noise: np.random.Generator) -> NDArray[np.uint8]:
    """The same under blue lamps, by a camera that is not sharp."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width * 5 // 12, height * 5 // 12), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(small, (width, height)).astype(np.float32) / 255
    lit = 255 * soft**0.75 * np.array([1.08, 1.0, 0.82], np.float32) + 8
    return np.clip(lit + noise.normal(0, 7, lit.shape), 0, 255).astype(np.uint8)


_LIGHTS: dict[str, Callable[..., NDArray[np.uint8]]] = {"dim": dim, "bright": bright}


def export(folder: Path, rink: str) -> None:
    """The frames as a YOLO export, a video a game."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(3)
    rows = []
    for seed in _GAMES[rink]:
        spec = GameSpec(
            seed=seed, duration_s=_FRAMES, fps=1.0, camera="fixed", rink="IIHF", noise=3.0
        )
        for number, (picture, truth) in enumerate(iter_frames(spec)):
            name = f"{seed}_{number:03d}"
            image = folder / "images" / f"{name}.jpg"
            cv2.imwrite(str(image), _LIGHTS[rink](picture, noise), [cv2.IMWRITE_JPEG_QUALITY, 85])
            height, width = picture.shape[:2]
            lines = []
            for seen in truth.people:
                box = np.array(seen.box).clip(0, [width, height] * 2)
                across, down = box[2:] - box[:2]
                if seen.visibility > _VISIBLE and min(across, down) >= 2:
                    x, y = (box[:2] + box[2:]) / 2
                    share = (x / width, y / height, across / width, down / height)
                    numbers = " ".join(f"{value:.5f}" for value in share)
                    lines.append(f"{_ROLES.index(seen.person.role)} {numbers}")
            (folder / "labels" / f"{name}.txt").write_text("\n".join(lines) + "\n")
            rows.append((image.name, f"game_{seed}"))
    with (folder / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "video"), *rows])
    (folder / "data.yaml").write_text(f"names: [{', '.join(_ROLES)}]\n")


def others(options: argparse.Namespace, shape: float | None) -> dict[str, list[Sample]]:
    """Frames of rinks in which nothing should be lost, by name."""
    pair = None if shape is None else (shape, shape)
    found = {folder.name: read_export(folder, aspect=pair) for folder in options.others}
    if options.labelled is None:
        return found
    groups: dict[str, list[Sample]] = {}
    for sample in sorted(read_export(options.labelled, aspect=pair), key=in_order):
        groups.setdefault(sample.group, []).append(sample)
    for name, frames in groups.items():
        few = frames[:: round(len(frames) / _MEASURED)]
        if name == _BROADCAST and options.coco is not None:
            teacher = StartTeacher(options.coco)
            few = [dataclasses.replace(one, aspect=(_BROADCAST_SHAPE,) * 2) for one in few]
            few = [tighten(one, teacher, leave_out_unlabelled=True) for one in few]
        found[name] = few
    return found


def learnt(options: argparse.Namespace, rink: str, start: Path, shape: float | None) -> Path:
    """The detector that frames of ``rink`` make of ``start``."""
    frames = options.work / rink
    if not (frames / "data.yaml").is_file():
        export(frames, rink)
    began = time.process_time()
    outcome = adapt_detector(
        frames,
        start,
        options.work / f"{rink}-learnt",
        Plan(
            held_out=[f"game_{_GAMES[rink][-1]}"],
            keep=options.keep,
            share=options.share,
            aspect=None if shape is None else (shape, shape),
            recipe=ADAPTING,
        ),
        watcher=Told(),
        minutes=options.minutes,
        steps=options.steps,
    )
    print(
        f"{rink}: {outcome.steps} steps, {outcome.seconds:.0f} s, "
        f"{(time.process_time() - began) / 60:.1f} minutes of processor time, "
        f"share {outcome.share}, {outcome.rinks_kept} rinks kept"
    )
    return outcome.detector


def main() -> None:
    """Render, train, measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--work", type=Path, required=True, help="keeps frames and checkpoints")
    parser.add_argument("--rinks", nargs="+", choices=list(_GAMES), default=["dim"])
    parser.add_argument("--labelled", type=Path, help="what the packaged detector has seen")
    parser.add_argument("--coco", type=Path, help="tightens the boxes of its broadcast")
    parser.add_argument("--others", type=Path, nargs="*", default=[])
    parser.add_argument("--aspect", help="true shape of the pictures of these, as in 16:9")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--share", type=float, help="how far to go; by default as jarvis train")
    parser.add_argument("--keep", type=Path, nargs="*", default=[], help="as of jarvis train")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    shape = parse_aspect(options.aspect)
    models = {"packaged": PACKAGED_WEIGHTS}
    for rink in options.rinks:
        models[f"after {rink}"] = learnt(options, rink, list(models.values())[-1], shape)
    sets = {}
    for rink in options.rinks:
        held_out = f"game_{_GAMES[rink][-1]}"
        sets[f"{rink}, {held_out}"] = [
            sample for sample in read_export(options.work / rink) if sample.group == held_out
        ]
    report(sets | others(options, shape), models)


def report(sets: dict[str, list[Sample]], models: dict[str, Path]) -> None:
    """Print each detector on each set, and what it lost against the packaged one."""
    titles = ("AP50", "recall", "precision", "role macro-F1", "goalkeepers")
    table = Table("frames", "", *titles, "lower by more than a point")
    for name, frames in sets.items():
        first: Figures | None = None
        for word, model in models.items():
            found = measured(model, frames)
            first = first or found
            values = list(dataclasses.asdict(found).values())[2:]
            shown = ("-" if value is None else f"{value:.3f}" for value in values)
            table.add_row(f"{name} ({found.people})", word, *shown, " ".join(fallen(first, found)))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
