"""What a pipeline of the Toolchain learns, against what is in use, on a video it has not seen.

    python benchmarks/toolchain.py hockey-role-classification FRAMES --aspect 16:9 \
        --hold-out rinkcam_1 --set steps=1500

FRAMES is a labelled export of any format that `jarvis dataset import` reads. Trains on all other
videos, without servers, and prints the figures of both on the held-out one. The packaged detector
has seen the videos that its model card names: on those, what is in use is flattered.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.datasets import (
    Options,
    open_dataset,
    read_dataset,
    split_dataset,
    write_dataset,
)
from jarvis_dagster.hockey.detection.evaluation import parse_aspect
from jarvis_dagster.toolchain.job import Job
from jarvis_dagster.toolchain.kind import checked_options
from jarvis_dagster.toolchain.kinds import PIPELINES, kind_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", choices=PIPELINES)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--aspect", help="true shape of stretched pictures, as in 16:9")
    parser.add_argument("--hold-out", required=True, help="the video to measure on")
    parser.add_argument("--set", action="append", default=[], help="an option: name=value")
    asked = parser.parse_args()
    pairs = (text.split("=", 1) for text in asked.set)
    kind = kind_of(asked.pipeline)
    options = checked_options(kind, {name: json.loads(value) for name, value in pairs})
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        with read_dataset(
            asked.frames, "frames", Options(aspect=parse_aspect(asked.aspect))
        ) as read:
            data = open_dataset(write_dataset(read, out / "data"))
        split = split_dataset(data, test=[asked.hold_out], validation_share=0)
        job = Job(kind.name, f"frames@{data.version[:12]}", split, options)
        (out / "run").mkdir()
        began = time.monotonic()
        model = kind.train(job, data, out / "run", report=lambda *_: None, progress=lambda *_: None)
        seconds, size = time.monotonic() - began, model.stat().st_size
        test = data.of(split.test)
        old, new = (
            kind.evaluate(which, test, progress=lambda *_: None).metrics for which in (None, model)
        )
    table = Table(title=f"{kind.name} on {asked.hold_out}; {seconds:.0f} s, {size / 1000:.0f} kB")
    for name in ("", "in use", "learned"):
        table.add_column(name)
    for name, value in new.items():
        was = f"{old[name]:.3f}" if name in old else "-"
        table.add_row(name, was, f"{value:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
