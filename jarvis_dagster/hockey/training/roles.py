"""A classifier of roles from crops of people.

Belongs here: crops, the network, its training and export. Does not belong here: roles of whole
tracks (``hockey/roles``), the detector's own role branch (``net``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.training.fitting import Fit, device, fit
from jarvis_dagster.hockey.training.small_graph import (
    Block,
    SmallGraph,
    normalised,
    save_and_compare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CROP_PX", "Crops", "RoleNet", "crop_people", "train_roles"]

CROP_PX = (96, 48)
"""Height and width of what the network sees."""
_STORED_PX = (112, 56)
"""With room to shift: crops are cut a sixth larger, and training takes a window of them."""
_MARGIN = 0.12
"""Of the box, on each side."""
_WIDTHS = (16, 32, 48, 64)


class RoleNet(nn.Module):
    """Four convolutions and a mean; 55,000 parameters. (B, H, W, 3) bytes to (B, 3) logits."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_WIDTHS[:-1])
        pairs = zip(inputs, _WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(Block(a, b, stride=2) for a, b in pairs))
        self.last = nn.Conv2d(_WIDTHS[-1], len(ROLES), 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.blocks(normalised(images)).mean((2, 3), keepdim=True)
        return self.last(x).flatten(1)


class Crops:
    """Crops of people with their roles, and the video of each.

    Attributes:
        images: (N, 112, 56, 3) uint8 BGR.
        roles: (N,) index into ``ROLES``.
        videos: One name a crop.
    """

    def __init__(
        self, images: NDArray[np.uint8], roles: NDArray[np.int64], videos: Sequence[str]
    ) -> None:
        self.images, self.roles, self.videos = images, roles, list(videos)

    def __len__(self) -> int:
        return len(self.roles)


def crop_people(
    image: NDArray[np.uint8], boxes: NDArray[np.float32], size: tuple[int, int] = _STORED_PX
) -> NDArray[np.uint8]:
    """(N, height, width, 3): each box (N, 4) px with a margin, brought to one size.

    ``CROP_PX`` shows what the network is used on; the default is what it is trained on. What
    is over the edge of the picture repeats the edge.
    """
    import cv2

    # What is stored for training is larger than what is used by the room that windows need.
    spare = 0.0 if size == CROP_PX else (_STORED_PX[0] / CROP_PX[0] - 1) * (1 + 2 * _MARGIN) / 2
    grow = _MARGIN + spare
    height, width = image.shape[:2]
    crops = np.zeros((len(boxes), *size, 3), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        w, h = max(x2 - x1, 2.0), max(y2 - y1, 2.0)
        left, right = round(x1 - grow * w), round(x1 + (1 + grow) * w)
        top, bottom = round(y1 - grow * h), round(y1 + (1 + grow) * h)
        inner = image[max(0, top) : max(1, bottom), max(0, left) : max(1, right)]
        above, below = max(0, -top), max(0, bottom - height)
        before, after = max(0, -left), max(0, right - width)
        part = cv2.copyMakeBorder(inner, above, below, before, after, cv2.BORDER_REPLICATE)
        crops[number] = cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return crops


def train_roles(
    crops: Crops,
    out: Path,
    *,
    recipe: Fit,
    batch: int = 64,
    report: Callable[[Mapping[str, float], int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train on crops and write ``out/roles.onnx``; goes on from ``out/checkpoint.pt``.

    Videos with few crops and rare roles are shown more often.

    Raises:
        BadInputError: fewer than two roles among the crops.
    """
    if len(set(crops.roles.tolist())) < 2:
        raise BadInputError(
            "The labels have people of one role only.", "Label goalkeepers and referees as such."
        )
    torch.manual_seed(recipe.seed)
    net = RoleNet()
    where = device()
    weights = _weights(crops)
    images, roles = torch.from_numpy(crops.images), torch.from_numpy(crops.roles)

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((recipe.seed, step))
        chosen = torch.from_numpy(rng.choice(len(crops), batch, p=weights))
        seen = _augmented(images[chosen], rng).to(where)
        return {"role": F.cross_entropy(net(seen), roles[chosen].to(where), label_smoothing=0.05)}

    about = {"batch": batch, "crops": len(crops)}
    checkpoint = out / "checkpoint.pt"
    fit(net, losses, recipe, checkpoint, about=about, report=report, progress=progress)
    return _export(net, out / "roles.onnx", recipe)


def _weights(crops: Crops) -> NDArray[np.float64]:
    """The chance of each crop: its video and its role count by their square roots."""
    names = np.array(crops.videos)
    count = {name: int((names == name).sum()) for name in set(crops.videos)}
    of_role = np.bincount(crops.roles, minlength=len(ROLES)).clip(1)
    weight = np.array([count[name] ** -0.5 for name in crops.videos])
    weight = weight * (of_role[crops.roles] ** -0.5)
    return np.asarray(weight / weight.sum(), np.float64)


def _augmented(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Windows of the stored crops, mirrored, in other light, sharpness and colour."""
    count = len(images)
    room = (_STORED_PX[0] - CROP_PX[0], _STORED_PX[1] - CROP_PX[1])
    top, left = (rng.integers(0, space + 1, count) for space in room)
    seen = torch.stack(
        [
            image[y : y + CROP_PX[0], x : x + CROP_PX[1]]
            for image, y, x in zip(images, top.tolist(), left.tolist(), strict=True)
        ]
    ).float()
    mirrored = torch.from_numpy(rng.random(count) < 0.5)
    seen = torch.where(mirrored.view(-1, 1, 1, 1), seen.flip(2), seen)
    if rng.random() < 0.5:  # seen from farther away
        factor = int(rng.integers(2, 4))
        small = F.avg_pool2d(seen.permute(0, 3, 1, 2), factor)
        seen = F.interpolate(small, CROP_PX, mode="bilinear").permute(0, 2, 3, 1)
    light = torch.from_numpy(rng.uniform(0.6, 1.4, (count, 1, 1, 1)).astype(np.float32))
    tint = torch.from_numpy(rng.uniform(0.85, 1.15, (count, 1, 1, 3)).astype(np.float32))
    grey = seen.mean(3, keepdim=True)
    colour = torch.from_numpy(rng.uniform(0.2, 1.4, (count, 1, 1, 1)).astype(np.float32))
    seen = grey + (seen - grey) * colour
    offset = torch.from_numpy(rng.uniform(-25, 25, (count, 1, 1, 1)).astype(np.float32))
    return (seen * light * tint + offset).clamp(0, 255)


def _export(net: RoleNet, path: Path, recipe: Fit) -> Path:
    graph = SmallGraph()
    x = graph.picture()
    for block in net.blocks:
        x = graph.block(x, block)
    x = graph.add("GlobalAveragePool", x)
    x = graph.add("Flatten", graph.conv(x, net.last), axis=1)
    graph.add("Softmax", x, axis=1, output="roles")
    facts = {
        "name": "hockey-roles",
        "version": f"{recipe.steps}-steps",
        "classes": list(ROLES),
        "margin": _MARGIN,
    }
    return save_and_compare(
        graph,
        path,
        name="hockey-roles",
        size=CROP_PX,
        output=("roles", [len(ROLES)]),
        facts=facts,
        expected=lambda image: net(image).softmax(1),
    )
