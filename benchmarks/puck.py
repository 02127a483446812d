"""How many labelled pucks the packaged detector finds, and what a search for them would find.

    python benchmarks/puck.py DATA [--aspect 16:9] [--hold-out VIDEO ...]

``DATA`` is labelled frames of several videos (YOLO, with a class ``puck`` and ``groups.csv``). The
packaged detector looks for no puck. The search is an attempt that the product does not use: dark
spots on the ice, and a small network that tells from 32 by 32 pixels whether one is the puck,
trained on the other videos. Only frames with a labelled puck are used, since labels leave pucks
out. Found is what lies within one length of the labelled box. Each video is held out in turn, or
those that are named.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from jarvis_dagster.hockey.detection import load_detector
from jarvis_dagster.hockey.detection.evaluation import parse_aspect, read_picture
from jarvis_dagster.hockey.detection.icemask import find_ice
from jarvis_dagster.hockey.detection.labels import class_index, class_names, parse_labels
from jarvis_dagster.hockey.detection.pucks import matched_pucks
from jarvis_dagster.hockey.tables import CLASSES
from jarvis_dagster.hockey.training.dataset import read_export

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPOTS = 300
_PATCH_PX = 32
_EPOCHS = 6
_PUCK = CLASSES.index("puck")


@dataclasses.dataclass
class Frame:
    """A frame with labelled pucks: their boxes, and spots (S, 4) with their patches."""

    video: str
    pucks: NDArray[np.float32]
    spots: NDArray[np.float32]
    patches: NDArray[np.uint8]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(S,) which spots are a puck."""
        ones = np.ones(1, np.float32)
        return np.array([matched_pucks(self.pucks, s[None], ones) > 0 for s in self.spots], bool)


def read_frames(data: Path, aspect: float | None) -> list[Frame]:
    """Frames with at least one labelled puck."""
    kinds = class_index(class_names([data]))
    frames = []
    for sample in read_export(data):
        label = data / "labels" / f"{sample.image.stem}.txt"
        numbers, boxes = parse_labels(label.read_text("utf-8"), label.name)
        pucks = boxes[[kinds.get(int(n)) == _PUCK for n in numbers]]
        if len(pucks):
            image = read_picture(sample.image, aspect)
            size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
            frames.append(Frame(sample.group, pucks * size, *spots(image)))
    return frames


def spots(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The darkest small spots on the ice, as boxes, and the pixels around them."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    dark = cv2.GaussianBlur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel), (3, 3), 0)
    ice = cv2.resize(find_ice(image).mask, grey.shape[::-1]) > 0.5
    ice = cv2.dilate(ice.astype(np.uint8), np.ones((15, 15), np.uint8))
    peak = (dark == cv2.dilate(dark, np.ones((7, 7), np.uint8))) & (ice > 0) & (dark > 4)
    y, x = np.nonzero(peak)
    order = np.argsort(-dark[y, x].astype(int), kind="stable")[:_SPOTS]
    half = _PATCH_PX // 2
    padded = cv2.copyMakeBorder(image, half, half, half, half, cv2.BORDER_REPLICATE)
    at = list(zip(y[order], x[order], strict=True))
    patches = [padded[b : b + _PATCH_PX, a : a + _PATCH_PX] for b, a in at]
    boxes = [[a - 5, b - 5, a + 5, b + 5] for b, a in at]
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(patches, np.uint8).reshape(-1, _PATCH_PX, _PATCH_PX, 3),
    )


def network() -> nn.Sequential:
    """Patches (N, 3, 32, 32) to the logit of a puck (N, 1)."""

    def block(a: int, b: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]

    layers = [*block(3, 16), *block(16, 32), *block(32, 48), *block(48, 64)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 1))


def pixels(patches: NDArray[np.uint8]) -> torch.Tensor:
    """Each patch around its own mean, so that light does not matter."""
    values = torch.from_numpy(patches.astype(np.float32)).permute(0, 3, 1, 2) / 64
    return values - values.mean((1, 2, 3), keepdim=True)


def trained(frames: list[Frame], rng: np.random.Generator) -> nn.Sequential:
    """A network that has seen ``frames``, mirrored at random; pucks as often as other spots."""
    torch.manual_seed(0)
    net = network()
    patches = np.concatenate([frame.patches for frame in frames])
    right = np.concatenate([frame.right for frame in frames])
    weight = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    steps = _EPOCHS * len(patches) // 256
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = rng.choice(len(patches), 128, p=weight)
        seen = pixels(patches[rows])
        seen = seen.flip(3) if rng.random() < 0.5 else seen
        seen = seen * float(rng.uniform(0.6, 1.4))
        wanted = torch.from_numpy(right[rows].astype(np.float32))
        loss = nn.functional.binary_cross_entropy_with_logits(net(seen)[:, 0], wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


def best_spot(frames: list[Frame], net: nn.Sequential) -> list[tuple[float, bool]]:
    """The likeliest puck of each frame: its logit, and whether it is one."""
    found = []
    for frame in frames:
        if len(frame.spots):
            with torch.inference_mode():
                logits = net(pixels(frame.patches))[:, 0].numpy()
            best = int(logits.argmax())
            found.append((float(logits[best]), bool(frame.right[best])))
    return sorted(found, reverse=True)


def recall_at(found: list[tuple[float, bool]], pucks: int, precision: float) -> float:
    """The largest recall at which so many of the named spots are pucks."""
    hits = np.cumsum([right for _, right in found])
    enough = hits / np.arange(1, len(hits) + 1) >= precision
    return float(hits[enough].max() / pucks) if enough.any() else 0.0


def main() -> None:
    """Read, leave each video out in turn, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--aspect", help="true shape of pictures that are stored stretched")
    parser.add_argument(
        "--hold-out", nargs="+", metavar="VIDEO", help="these alone, not every video"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    frames = read_frames(options.data, parse_aspect(options.aspect))
    looks = load_detector(threads=1).finds_pucks
    table = Table("held out", "frames", "pucks", "px", "packaged", "among spots", "best spot",
                  "recall at precision .8")  # fmt: skip
    console, videos = Console(width=110), sorted({frame.video for frame in frames})
    if unknown := set(options.hold_out or ()) - set(videos):
        parser.error(
            f"no pucks are labelled in {', '.join(sorted(unknown))}; in {', '.join(videos)}"
        )
    for video in options.hold_out or videos:
        console.print(f"{video}: learning from the other videos")
        inside = [frame for frame in frames if frame.video == video]
        net = trained([f for f in frames if f.video != video], np.random.default_rng(1))
        pucks = sum(len(frame.pucks) for frame in inside)
        sides = np.concatenate([f.pucks[:, 2:] - f.pucks[:, :2] for f in inside])
        among = sum(
            matched_pucks(f.pucks, f.spots, np.arange(len(f.spots), 0, -1, np.float32))
            for f in inside
        )
        found = best_spot(inside, net)
        table.add_row(
            video,
            str(len(inside)),
            str(pucks),
            f"{np.median(sides):.0f}",
            "looked for" if looks else "0 (not looked for)",
            f"{among / pucks:.2f}",
            f"{sum(right for _, right in found) / pucks:.2f}",
            f"{recall_at(found, pucks, 0.8):.2f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
