"""A network that finds the ice: boards and all within, people filled in.

Belongs here: masks to learn from, the network, its training and export. Does not belong here:
the mask from colour and texture that is in use (``detection/icemask``).

Exact masks come from rendered games, whose cameras are known. Of real footage there are none:
there the network learns from the mask in use, and only where that mask and the labelled people
agree, with less weight.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.fitting import Fit, device, fit
from jarvis_dagster.hockey.training.small_graph import (
    Block,
    SmallGraph,
    normalised,
    save_and_compare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "MASK_PX",
    "PICTURE_PX",
    "IceNet",
    "IcePicture",
    "rendered_ice",
    "shrunk",
    "taught",
    "train_ice",
]

PICTURE_PX = (96, 160)
"""Height and width of what the network sees; the picture is stretched to it."""
MASK_PX = (48, 80)
"""Height and width of its answer."""
_WIDTHS = (12, 24, 32)
_REAL_WORTH = 0.3
_RENDERED_PX = (320, 180)


@dataclasses.dataclass(frozen=True)
class IcePicture:
    """A picture and its ice."""

    image: NDArray[np.uint8]
    """(96, 160, 3) BGR."""
    mask: NDArray[np.float32]
    """(48, 80), 0 to 1."""
    worth: float = 1.0
    """How far the mask is to be believed."""


class IceNet(nn.Module):
    """A U with three levels; 45,000 parameters. (B, 96, 160, 3) bytes to (B, 48, 80) logits."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = _WIDTHS
        self.down = nn.ModuleList(
            (Block(3, a, stride=2), Block(a, b, stride=2), Block(b, c, stride=2))
        )
        self.middle = nn.ModuleList((Block(c, c, dilation=2), Block(c, c, dilation=4)))
        self.up = nn.ModuleList((Block(c + b, b), Block(b + a, a)))
        self.last = nn.Conv2d(a, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = normalised(images)
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
        for block in self.middle:
            x = x + block(x)
        for block, skip in zip(self.up, (kept[1], kept[0]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat((x, skip), 1))
        return self.last(x)[:, 0]


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A BGR picture of any size as the network sees it."""
    import cv2

    step = max(1, image.shape[1] // (2 * PICTURE_PX[1]))
    size = (PICTURE_PX[1], PICTURE_PX[0])
    return np.asarray(cv2.resize(image[::step, ::step], size, interpolation=cv2.INTER_AREA))


def rendered_ice(
    seeds: Sequence[int], frames: int, progress: Callable[[int, int], None] | None = None
) -> Iterator[IcePicture]:
    """Frames of rendered games, two seconds apart, with their exact ice.

    Of three games, two have a broadcast camera and one a fixed one.
    """
    import cv2

    from jarvis_dagster.hockey.rink import rink_named
    from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames

    width, height = _RENDERED_PX
    for number, seed in enumerate(seeds, 1):
        spec = GameSpec(
            seed=seed,
            duration_s=2.0 * frames,
            fps=1.0,
            width_px=width,
            height_px=height,
            camera="fixed" if seed % 3 == 0 else "broadcast",
        )
        outline = rink_named(spec.rink).outline_ft(1.0)
        for index, (image, truth) in enumerate(iter_frames(spec)):
            if index % 2:
                continue
            mask = _projected(outline, truth.homography, (height, width))
            small = cv2.resize(mask, (MASK_PX[1], MASK_PX[0]), interpolation=cv2.INTER_AREA)
            yield IcePicture(shrunk(image), small)
        if progress is not None:
            progress(number, len(seeds))


def _projected(
    outline_ft: NDArray[np.float64], homography: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """The rink's outline as a mask of a picture of ``size`` (height, width)."""
    import cv2

    back = np.linalg.inv(homography)
    points = np.column_stack((outline_ft, np.ones(len(outline_ft)))) @ back.T
    sign = np.sign(np.median(points[:, 2]))
    points = points[points[:, 2] * sign > 1e-9]  # what is behind the camera has no place
    mask = np.zeros(size, np.uint8)
    if len(points) >= 3:
        pixels = (points[:, :2] / points[:, 2:]).clip(-4000, 4000)
        hull = cv2.convexHull(pixels.astype(np.float32))
        cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
    return mask.astype(np.float32)


def taught(image: NDArray[np.uint8], feet: NDArray[np.float32]) -> IcePicture | None:
    """A real picture with the mask in use, if the labelled people stand on it; else None.

    Args:
        feet: (N, 2) lower middle of their boxes, as shares of the picture.
    """
    import cv2

    from jarvis_dagster.hockey.detection.icemask import find_ice

    ice = find_ice(image)
    if not ice.found or not len(feet):
        return None
    rows, columns = ice.mask.shape
    x = (feet[:, 0] * columns).astype(int).clip(0, columns - 1)
    y = (feet[:, 1] * rows).astype(int).clip(0, rows - 1)
    share = float(ice.mask[y, x].mean())
    if share < 0.9:
        return None
    small = cv2.resize(ice.mask, (MASK_PX[1], MASK_PX[0]), interpolation=cv2.INTER_AREA)
    return IcePicture(shrunk(image), np.asarray(small, np.float32), _REAL_WORTH)


def train_ice(
    pictures: Sequence[IcePicture],
    out: Path,
    *,
    recipe: Fit,
    batch: int = 16,
    report: Callable[[Mapping[str, float], int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train and write ``out/ice.onnx``; goes on from ``out/checkpoint.pt``.

    Raises:
        BadInputError: no picture.
    """
    if not pictures:
        raise BadInputError("There is no picture with ice to learn from.", "Render some games.")
    torch.manual_seed(recipe.seed)
    net, where = IceNet(), device()
    images = torch.from_numpy(np.stack([p.image for p in pictures]))
    masks = torch.from_numpy(np.stack([p.mask for p in pictures]))
    worth = torch.tensor([p.worth for p in pictures])

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((recipe.seed, step))
        chosen = torch.from_numpy(rng.integers(0, len(pictures), batch))
        seen, truth = _augmented(images[chosen], masks[chosen], rng)
        answer, truth = net(seen.to(where)), truth.to(where)
        each = F.binary_cross_entropy_with_logits(answer, truth, reduction="none").mean((1, 2))
        share = answer.sigmoid()
        shared = (share * truth).sum((1, 2))
        overlap = 1 - (2 * shared + 1) / (share.sum((1, 2)) + truth.sum((1, 2)) + 1)
        weight = worth[chosen].to(where)
        total = weight.sum()
        return {
            "pixels": (each * weight).sum() / total,
            "overlap": (overlap * weight).sum() / total,
        }

    about = {"batch": batch, "pictures": len(pictures)}
    checkpoint = out / "checkpoint.pt"
    fit(net, losses, recipe, checkpoint, about=about, report=report, progress=progress)
    return _export(net, out / "ice.onnx", recipe)


def _augmented(images: Tensor, masks: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirrored, cut out, in other light and colour."""
    count = len(images)
    seen = images.permute(0, 3, 1, 2).float()
    truth = masks[:, None]
    # One affine map for picture and mask: mirror, zoom in, shift.
    zoom = rng.uniform(0.6, 1.0, count)
    shift = rng.uniform(-1, 1, (count, 2)) * (1 - zoom)[:, None]
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    theta = np.zeros((count, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = zoom * mirror, zoom
    theta[:, :, 2] = shift
    maps = torch.from_numpy(theta)

    def moved(x: Tensor) -> Tensor:
        grid = F.affine_grid(maps, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    seen, truth = moved(seen), moved(truth)

    def some(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, *shape)).astype(np.float32))

    grey = seen.mean(1, keepdim=True)
    seen = grey + (seen - grey) * some(0.2, 1.4, 1, 1, 1)
    seen = seen * some(0.45, 1.25, 1, 1, 1) * some(0.85, 1.15, 3, 1, 1) + some(-20, 20, 1, 1, 1)
    seen = seen + torch.from_numpy(rng.normal(0, 4, seen.shape).astype(np.float32))
    return seen.clamp(0, 255).permute(0, 2, 3, 1), truth[:, 0].clamp(0, 1)


def _export(net: IceNet, path: Path, recipe: Fit) -> Path:
    graph = SmallGraph()
    twice = graph.constant(np.array([1, 1, 2, 2], np.float32))
    x = graph.picture()
    kept = []
    for block in net.down:
        x = graph.block(x, block)
        kept.append(x)
    for block in net.middle:
        x = graph.add("Add", x, graph.block(x, block))
    for block, skip in zip(net.up, (kept[1], kept[0]), strict=True):
        x = graph.add(
            "Resize", x, "", twice, mode="linear", coordinate_transformation_mode="half_pixel"
        )
        x = graph.block(graph.add("Concat", x, skip, axis=1), block)
    x = graph.add("Sigmoid", graph.conv(x, net.last))
    graph.add("Squeeze", x, graph.constant(np.array([1], np.int64)), output="ice")
    return save_and_compare(
        graph,
        path,
        name="hockey-ice",
        size=PICTURE_PX,
        output=("ice", list(MASK_PX)),
        facts={"name": "hockey-ice", "version": f"{recipe.steps}-steps"},
        expected=lambda image: net(image).sigmoid(),
    )
