"""A classifier of roles from crops of people.

Belongs here: the network, its training and export. Does not belong here: crops, and using it
(``detection.role_reader``), roles of whole tracks (``hockey/roles``), the detector's own role
branch (``net``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.detection.role_reader import CROP_PX, MARGIN, STORED_PX
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

__all__ = ["Crops", "RoleNet", "export_roles", "train_roles"]

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
    return export_roles(net, out / "roles.onnx", recipe)


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
    room = (STORED_PX[0] - CROP_PX[0], STORED_PX[1] - CROP_PX[1])
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


def export_roles(net: RoleNet, path: Path, recipe: Fit) -> Path:
    """Write ``net`` to ``path``: ``image`` (N, 96, 48, 3) bytes to ``roles`` (N, 3) shares."""
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
        "margin": MARGIN,
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
