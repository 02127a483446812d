"""``python -m jarvis_dagster.hockey.training.remember``: the memory that ships with a detector.

    python -m jarvis_dagster.hockey.training.remember --data DIR [--aspect 16:9] [--detector FILE]

Belongs here: the words of the command line, and which frames are remembered. Does not belong here:
what a memory is (``memory``). ``DIR`` is the labelled frames that the detector was trained on: each
of their videos counts as a rink, and the rendered frames count as one more.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.detection.evaluation import parse_aspect
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.training.build import Plan, rendered_frames
from jarvis_dagster.hockey.training.dataset import read_export
from jarvis_dagster.hockey.training.holdout import in_order
from jarvis_dagster.hockey.training.memory import Memory, mean_of, write_beside
from jarvis_dagster.hockey.training.merge import entering
from jarvis_dagster.hockey.training.restore import network

if TYPE_CHECKING:
    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["main"]


def main() -> None:
    """Look at the frames and write the memory beside the detector."""
    parser = argparse.ArgumentParser(description="Make the memory of what a detector has seen.")
    parser.add_argument("--data", type=Path, required=True, help="YOLO export with groups.csv")
    parser.add_argument("--aspect", help="true shape of stretched pictures, as in 16:9")
    parser.add_argument("--detector", type=Path, default=PACKAGED_WEIGHTS)
    words = parser.parse_args()
    shape = parse_aspect(words.aspect)
    rinks: dict[str, list[Sample]] = {}
    samples = read_export(words.data, aspect=None if shape is None else (shape, shape))
    for sample in sorted(samples, key=in_order):
        rinks.setdefault(sample.group, []).append(sample)
    net, seen = network(words.detector), []
    with tempfile.TemporaryDirectory(prefix="jarvis-") as folder:
        rinks["rendered"] = rendered_frames(Path(folder), Plan().rendered_games)
        for name, frames in rinks.items():
            print(f"{name}: {len(frames)} frames", flush=True)  # noqa: T201
            seen.append((1, entering(net, frames)))
    path = write_beside(words.detector, Memory.of(mean_of(seen), len(seen)))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
