"""What three hundred frames of a new rink are worth to the packaged detector, and what they cost.

    python benchmarks/new_rink.py --work DIR [--others FOLDER ...] [--minutes 10 | --steps 500]

Seven rendered games in a rink with weak yellow lamps, behind hazy glass, seen from a fixed camera:
six are trained on (fifty frames each), as ``jarvis train`` does, one is measured. ``--others`` are
folders of ``images/`` and ``labels/`` (YOLO) of other rinks, in which nothing should be lost; with
``--stretched`` their pictures were 16:9 once. Stopped, the same command continues.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames
from jarvis_dagster.hockey.training.adapt import ADAPTING, adapt_detector
from jarvis_dagster.hockey.training.build import Plan
from jarvis_dagster.hockey.training.dataset import read_export
from jarvis_dagster.hockey.training.judge import measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAMES = (902, 904, 906, 908, 910, 912, 914)
_FRAMES = 50
_ROLES = ("player", "goalkeeper", "referee")
_VISIBLE = 0.35


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


def export(folder: Path) -> None:
    """The frames as a YOLO export, a video a game."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(3)
    rows = []
    for seed in _GAMES:
        spec = GameSpec(
            seed=seed, duration_s=_FRAMES, fps=1.0, camera="fixed", rink="IIHF", noise=3.0
        )
        for number, (picture, truth) in enumerate(iter_frames(spec)):
            name = f"{seed}_{number:03d}"
            image = folder / "images" / f"{name}.jpg"
            cv2.imwrite(str(image), dim(picture, noise), [cv2.IMWRITE_JPEG_QUALITY, 85])
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


def main() -> None:
    """Render, train, measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--work", type=Path, required=True, help="keeps frames and checkpoints")
    parser.add_argument("--others", type=Path, nargs="*", default=[])
    parser.add_argument("--stretched", action="store_true")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--share", type=float, help="how far to go; by default as jarvis train")
    parser.add_argument("--keep", type=Path, nargs="*", default=[], help="as of jarvis train")
    options = parser.parse_args()
    frames = options.work / "frames"
    if not (frames / "data.yaml").is_file():
        export(frames)
    shape = (16 / 9, 16 / 9) if options.stretched else None
    held_out = f"game_{_GAMES[-1]}"
    outcome = adapt_detector(
        frames,
        PACKAGED_WEIGHTS,
        options.work / "out",
        Plan(
            held_out=[held_out],
            aspect=shape,  # of the rendered frames, too
            keep=options.keep,
            share=options.share,
            recipe=ADAPTING,
        ),
        watcher=Told(),
        minutes=options.minutes,
        steps=options.steps,
    )
    sets = {name: (outcome.before[name], outcome.after[name]) for name in outcome.before}
    for folder in options.others:
        samples = read_export(folder, aspect=shape)
        sets[folder.name] = measured(PACKAGED_WEIGHTS, samples), measured(outcome.detector, samples)
    table = Table("frames", "", "AP50", "recall", "precision", "role macro-F1", "goalkeepers")
    for name, pair in sets.items():
        for word, found in zip(("before", "after"), pair, strict=True):
            values = list(dataclasses.asdict(found).values())[2:]
            table.add_row(name, word, *("-" if v is None else f"{v:.3f}" for v in values))
    Console(width=100).print(table)
    print(f"{outcome.steps} steps, {outcome.seconds:.0f} s, share {outcome.share}")


if __name__ == "__main__":
    main()
