"""How far labelled boxes are from bodies, and how many people have no label.

    python benchmarks/labels.py --data DIR --start FILE [--aspect 16:9] [--every 2] [--json]

``DIR`` is a labelled export (as for ``jarvis train``); ``FILE`` is the person detector that the
model card names as the start, which boxes bodies without sticks and knows no labels. Of each video:
how many labelled boxes hold a body that it sees, how much box and body share, in how many of them
that is less than the IoU of .5 by which a detector is judged, and how many people it is sure of (in
the crowd and on the benches as well) whom nobody labelled.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.detection.evaluation import parse_aspect
from jarvis_dagster.hockey.detection.overlap import overlaps
from jarvis_dagster.hockey.training.dataset import Sample, read_export
from jarvis_dagster.hockey.training.harmonise import tighten
from jarvis_dagster.hockey.training.teacher import StartTeacher

if TYPE_CHECKING:
    from collections.abc import Sequence


def measured(samples: Sequence[Sample], teacher: StartTeacher) -> dict[str, Any]:
    """The figures of one video."""
    shared: list[float] = []
    people = unlabelled = 0
    for sample in samples:
        bodies = tighten(sample, teacher, leave_out_unlabelled=True)
        people += len(sample.boxes)
        unlabelled += len(bodies.ignore) - len(sample.ignore)
        if len(sample.boxes):
            shared += np.diag(overlaps(sample.boxes, bodies.boxes)[0])[bodies.tight].tolist()
    return {
        "frames": len(samples),
        "people": people,
        "with_a_body": len(shared),
        "mean_iou": float(np.mean(shared)),
        "below_half": float(np.mean(np.array(shared) < 0.5)),
        "unlabelled": unlabelled,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--aspect")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="look at every Nth frame")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    aspect = parse_aspect(options.aspect)
    samples = read_export(options.data, aspect=None if aspect is None else (aspect, aspect))
    teacher = StartTeacher(options.start)
    videos: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda one: one.image.name):
        videos.setdefault(sample.group, []).append(sample)
    results = {
        name: measured(frames[:: options.every], teacher) for name, frames in sorted(videos.items())
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return
    table = Table("", "frames", "people", "with a body", "mean IoU", "below .5", "no label")
    for name, result in results.items():
        table.add_row(
            name,
            *(str(result[key]) for key in ("frames", "people", "with_a_body")),
            f"{result['mean_iou']:.2f}",
            f"{result['below_half']:.0%}",
            str(result["unlabelled"]),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
