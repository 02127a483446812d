"""``python -m jarvis_dagster.hockey.rink.training``: make the network that ships.

Belongs here: the words of the command line. Does not belong here: what they do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from jarvis_dagster.hockey.rink.training.export import export_onnx
from jarvis_dagster.hockey.rink.training.net import MarkNet
from jarvis_dagster.hockey.rink.training.train import TrainOptions, train


def _pool(text: str) -> tuple[str, float]:
    folder, _, share = text.rpartition(":")
    return folder, float(share)


def main() -> None:
    """Train, or go on training, and write a checkpoint and an ONNX file."""
    parser = argparse.ArgumentParser(description="Teach the network that sees a rink's lines.")
    parser.add_argument("out", type=Path, help="ONNX file; the checkpoint goes beside it, as .pt")
    parser.add_argument("--start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--steps", type=int, default=TrainOptions.steps)
    parser.add_argument("--minutes", type=float, default=TrainOptions.minutes)
    parser.add_argument("--rate", type=float, default=TrainOptions.rate)
    parser.add_argument("--threads", type=int, default=TrainOptions.threads)
    parser.add_argument("--seed", type=int, default=TrainOptions.seed)
    parser.add_argument(
        "--pool",
        type=_pool,
        action="append",
        default=[],
        metavar="FOLDER:SHARE",
        help="labelled frames (.png with a .json), and the share of pictures from there",
    )
    words = parser.parse_args()
    options = TrainOptions(
        steps=words.steps,
        minutes=words.minutes,
        rate=words.rate,
        threads=words.threads,
        seed=words.seed,
        pools=tuple(words.pool),
    )
    checkpoint = train(words.out.with_suffix(".pt"), options, words.start)
    net = MarkNet()
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["net"])
    off = export_onnx(net, words.out, {"name": "rink-marks", "steps": words.steps})
    print(f"{words.out}: differs from torch by at most {off:.4f}")  # noqa: T201


if __name__ == "__main__":
    main()
