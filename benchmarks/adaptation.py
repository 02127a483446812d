"""What a few dozen frames of a rink that the detector has not seen are worth, there and elsewhere.

    python benchmarks/adaptation.py --data DIR --start FILE --work DIR [--rink rinkcam_3]

``DIR`` is the labelled frames that the model card names, ``FILE`` the bare start network. A base
is trained from it on the broadcast, one rink and rendered frames; then it is adapted on the first
three fifths of ``--rink``, a rink that it has not seen, and measured on the rest of that rink, on
another unseen rink, on what the base was trained on, and on rendered frames. Rows of share 0 are
the base, the peer to beat; "line" are networks on the straight line to the adapted one, "merged"
those that ``jarvis train`` goes through, by a memory of what the base has seen. In brackets: how
many frames are measured. A quarter of an hour of one core for a rink; stopped, the same command
continues.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.training.adapt import ADAPTING
from jarvis_dagster.hockey.training.blend import blended
from jarvis_dagster.hockey.training.build import facts, rendered_frames
from jarvis_dagster.hockey.training.dataset import Sample, read_export
from jarvis_dagster.hockey.training.export import export_onnx
from jarvis_dagster.hockey.training.harmonise import ignore_unlabelled, tighten
from jarvis_dagster.hockey.training.judge import measured
from jarvis_dagster.hockey.training.keeping import Known, way_of
from jarvis_dagster.hockey.training.memory import Memory, mean_of
from jarvis_dagster.hockey.training.merge import entering
from jarvis_dagster.hockey.training.pace import usable_threads
from jarvis_dagster.hockey.training.restore import network
from jarvis_dagster.hockey.training.teacher import StartTeacher
from jarvis_dagster.hockey.training.train import Recipe, train_detector

if TYPE_CHECKING:
    from jarvis_dagster.hockey.training.net import HockeyNet

_BROADCAST, _SEEN = "broadcast_1995", "rinkcam_2"
_UNSEEN = ("rinkcam_1", "rinkcam_3")
_WIDE, _STRETCHED = (16 / 9, 16 / 9), (1.4, 1.78)
_BROADCAST_STEP = 3
_GAMES, _JUDGED_GAMES = (101, 102, 103, 104, 105), (201, 202)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="keeps checkpoints")
    parser.add_argument("--rink", choices=_UNSEEN, default="rinkcam_3")
    parser.add_argument("--base-steps", type=int, default=260)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--merged", type=float, nargs="*", default=[0.1, 0.25, 0.4])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.3, 0.45, 0.6, 1.0])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[Sample]] = {}
    for sample in sorted(read_export(options.data), key=_in_order):
        shape = _STRETCHED if sample.group == _BROADCAST else _WIDE
        groups.setdefault(sample.group, []).append(dataclasses.replace(sample, aspect=shape))
    rendered = rendered_frames(options.work / "rendered", _GAMES)
    teacher = StartTeacher(options.start)
    broadcast = [
        tighten(sample, teacher, leave_out_unlabelled=True)
        for sample in groups[_BROADCAST][::_BROADCAST_STEP]
    ]
    seen = [ignore_unlabelled(sample, teacher) for sample in groups[_SEEN]]
    base = train_detector(
        [*broadcast, *seen, *rendered],
        options.work / "base",
        start=options.start,
        recipe=Recipe(
            steps=options.base_steps,
            learning_rate=6e-4,
            average_steps=60,
            threads=usable_threads(),
        ),
    ).checkpoint
    early = {name: _before_and_after(frames) for name, frames in groups.items()}
    adapted = train_detector(
        [*early[options.rink][0], *rendered],
        options.work / options.rink,
        start=base,
        recipe=dataclasses.replace(ADAPTING, steps=options.steps, threads=usable_threads()),
    ).checkpoint
    other = next(name for name in _UNSEEN if name != options.rink)
    sets = {
        f"{options.rink}, later": early[options.rink][1],
        f"{other}, unseen": early[other][1],
        f"{_BROADCAST}, seen": [dataclasses.replace(s, aspect=(1.6, 1.6)) for s in broadcast[::8]],
        f"{_SEEN}, seen": early[_SEEN][1],
        "rendered": rendered_frames(options.work / "rendered", _JUDGED_GAMES),
    }
    first, tuned = network(base), network(adapted)
    kept = [sample for number, sample in enumerate(broadcast) if number % 8]  # none of those judged
    seen_by_base = (kept, early[_SEEN][0], rendered)
    products = mean_of([(1, entering(first, frames)) for frames in seen_by_base])
    known = Known(Memory.of(products, len(seen_by_base)))
    merged = way_of(first, tuned, early[options.rink][0], known).at
    nets = {f"line {share:.2f}": blended(first, tuned, share) for share in (0.0, *options.shares)}
    nets |= {f"merged {share:.2f}": merged(share) for share in options.merged}
    _report(sets, base, nets, options.work)


def _in_order(sample: Sample) -> tuple[str, int]:
    number = re.search(r"out(\d+)_", sample.image.name)
    return sample.image.name if number is None else "", int(number[1]) if number else 0


def _before_and_after(frames: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The first three fifths of the frames that show people, and the rest, three frames apart."""
    frames = [sample for sample in frames if len(sample.boxes)]
    edge = round(0.6 * len(frames))
    return frames[: edge - 2], frames[edge + 1 :]


def _report(
    sets: dict[str, list[Sample]], base: Path, nets: dict[str, HockeyNet], work: Path
) -> None:
    table = Table("frames", "share", "AP50", "recall", "precision", "role macro-F1", "goalkeepers")
    for name, frames in sets.items():
        for share, net in nets.items():
            model = work / f"{share.replace(' ', '_')}.onnx"
            export_onnx(net, model, metadata=facts(share, base))
            found = measured(model, frames, one_look=True)
            figures = (
                found.ap50,
                found.recall,
                found.precision,
                found.role_macro_f1,
                found.goalkeeper_recall,
            )
            shown = ("-" if value is None else f"{value:.3f}" for value in figures)
            table.add_row(f"{name} ({len(frames)})", share, *shown)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
