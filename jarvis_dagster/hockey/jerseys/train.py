"""Train the network that reads jersey numbers, from painted jerseys.

    python -m jarvis_dagster.hockey.jerseys.train --minutes 30 [--people people.npy] OUT.onnx

Belongs here: the network, its loss, its file. Does not belong here: the paintings
(``painting``), its use (``reading``). ``--people`` is an array (N, H, W, 3) of upper bodies cut
out of pictures of your own; without it all backgrounds are painted too. Needs the extra
``training``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.jerseys.painting import SIDE_PX, paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["build", "export", "paintings", "train"]

_BATCH = 128
_SMOOTH = 0.03
_RATE = 3e-3
_CHANNELS = (16, 16, 32, 32, 64, 64)


def build() -> Any:
    """(N, 3, 48, 48) to (N, 23): none, one or two digits; the tens; the ones."""
    from torch import nn

    layers: list[Any] = []
    before = 3
    for channels, kernel, stride in zip(
        _CHANNELS, (5, 3, 3, 3, 3, 3), (2, 1, 2, 1, 2, 1), strict=True
    ):
        layers += [
            nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        before = channels
    side = SIDE_PX // 8
    layers += [nn.Flatten(), nn.Dropout(0.2), nn.Linear(before * side * side, 128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(128, 23))


def paintings(
    count: int, seed: int, people: list[NDArray[np.uint8]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures (N, 48, 48, 3) and their numbers, 0 where none can be read."""
    rng = np.random.default_rng(seed)
    made = [paint(rng, people) for _ in range(count)]
    numbers = [int(text) if text else 0 for _, text in made]
    return np.stack([image for image, _ in made]), np.array(numbers, np.int64)


def train(
    images: NDArray[np.uint8], numbers: NDArray[np.int64], minutes: float, seed: int = 0
) -> Any:
    """A network trained for so many minutes; the learning rate falls with the time left."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    # This order of numbers in memory takes a third less time on processors.
    net = build().to(memory_format=torch.channels_last).train()
    best = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=0.02)
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2)
    answers = torch.from_numpy(numbers)
    began, seen, total = time.monotonic(), 0, 0.0
    while (gone := (time.monotonic() - began) / (60 * minutes)) < 1:
        for group in best.param_groups:
            group["lr"] = (
                _RATE * (0.5 + 0.5 * float(np.cos(np.pi * gone))) * min(1, 50 * gone + 0.1)
            )
        chosen = torch.from_numpy(rng.integers(0, len(images), _BATCH))
        batch, said = _varied(pictures[chosen].float() / 127.5 - 1, rng), answers[chosen]
        out = net(batch.contiguous(memory_format=torch.channels_last))
        digits = (said > 0).long() + (said > 9).long()
        loss = functional.cross_entropy(out[:, :3], digits, label_smoothing=_SMOOTH)
        for part, asked, value in (
            (out[:, 3:13], digits == 2, said // 10),
            (out[:, 13:], digits > 0, said % 10),
        ):
            each = functional.cross_entropy(part, value, label_smoothing=_SMOOTH, reduction="none")
            loss = loss + (each * asked).mean()
        best.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        best.step()
        seen, total = seen + 1, total + float(loss.detach())
        if seen % 100 == 0:
            print(f"{seen} batches, {100 * gone:.0f} %, loss {total / 100:.3f}", flush=True)  # noqa: T201
            total = 0.0
    return net.eval()


def _varied(batch: Any, rng: np.random.Generator) -> Any:
    """The same pictures a little aside, brighter or darker, in other channels."""
    import torch

    aside = [int(v) for v in rng.integers(-3, 4, 2)]
    batch = torch.roll(batch, aside, (2, 3))
    size = (len(batch), 1, 1, 1)
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, size).astype(np.float32))
    shift = torch.from_numpy(rng.normal(0, 0.12, size).astype(np.float32))
    turn = torch.from_numpy(rng.permutation(3))
    return batch[:, turn] * gain + shift


def export(net: Any, target: Path, facts: dict[str, Any]) -> None:
    """Write an ONNX file that takes bytes (N, 48, 48, 3) BGR."""
    import onnx
    import torch
    from torch import nn

    class Bytes(nn.Module):
        """The network behind the change of axes and scale."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, images: Any) -> Any:
            return self.net(images.permute(0, 3, 1, 2).float() / 127.5 - 1)

    example = torch.zeros(1, SIDE_PX, SIDE_PX, 3, dtype=torch.uint8)
    torch.onnx.export(
        Bytes().eval(),
        (example,),
        str(target),
        input_names=["images"],
        output_names=["answers"],
        dynamic_axes={"images": {0: "N"}, "answers": {0: "N"}},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(str(target))
    onnx.helper.set_model_props(model, {"jarvis": json.dumps(facts)})
    onnx.save(model, str(target))


def main() -> None:
    """Paint, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--paintings", type=int, default=28000)
    parser.add_argument("--people", type=Path, help="upper bodies, (N, H, W, 3) uint8 BGR, npy")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    people = list(np.load(args.people)) if args.people else []
    images, numbers = paintings(args.paintings, args.seed, people)
    net = train(images, numbers, args.minutes, args.seed)
    export(net, args.out, {"side_px": SIDE_PX, "paintings": args.paintings, "seed": args.seed})


if __name__ == "__main__":
    main()
