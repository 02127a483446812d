"""The detector's network, in plain torch.

Belongs here: the layers, and reading the start weights from an ONNX file.
Does not belong here: losses, data, the training loop, export.

The network is NanoDet-g (RangiLyu/nanodet, Apache-2.0: a CSP backbone, a PAN neck
without parameters, one 3x3 head a level) with its batch normalisation already folded
into the convolutions, and one branch added: the role of a person, and the goal. A cell
answers with

- one objectness logit: is a person on the ice here;
- four sides as a distribution over 11 distances (generalised focal loss, Li et al. 2020);
- one logit per role: player, goalkeeper, referee;
- objectness and sides once more, of a goal (the net with its posts): who stands in it is
  the goalkeeper, whatever he looks like.

Objectness is shared between the roles on purpose: a person whose role is unclear is still
one confident box, not two doubtful ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BINS",
    "ROLE_COUNT",
    "STRIDES",
    "HockeyNet",
    "Prediction",
    "cell_centres",
    "load_start_weights",
]

STRIDES = (8, 16, 32)
BINS = 11
ROLE_COUNT = 3
_MEAN = (103.53, 116.28, 123.675)
_STD = (57.375, 57.12, 58.395)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


class _Stage(nn.Module):
    """A cross-stage partial block: ``depth`` inner rounds of two convolutions."""

    def __init__(self, inputs: int, depth: int, stride: int) -> None:
        super().__init__()
        half = inputs // 2
        self.enter = _conv(inputs, inputs, stride)
        self.first = nn.ModuleList(
            _conv(inputs if i == 0 else 2 * half, half) for i in range(depth)
        )
        self.second = nn.ModuleList(_conv(half, half) for _ in range(depth))
        self.leave = _conv(2 * half, inputs)

    def forward(self, x: Tensor) -> Tensor:
        start = self.enter(x)
        x = start
        for first, second in zip(self.first, self.second, strict=True):
            part = first(x)
            x = torch.cat((second(part), part), 1)
        return torch.cat((self.leave(x), start), 1)


class Prediction(NamedTuple):
    """Logits of B pictures, the N cells of strides 8, 16, 32 in a row."""

    objectness: Tensor
    """(B, N)"""
    sides: Tensor
    """(B, N, 4, BINS)"""
    roles: Tensor
    """(B, N, ROLE_COUNT)"""
    goal_objectness: Tensor
    """(B, N)"""
    goal_sides: Tensor
    """(B, N, 4, BINS)"""


class HockeyNet(nn.Module):
    """BGR pixels 0 to 255, (B, 3, H, W) with H and W multiples of 32, to a Prediction."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 32, 2)
        self.stages = nn.ModuleList(
            (_Stage(32, 1, 1), _Stage(64, 2, 2), _Stage(128, 2, 2), _Stage(256, 3, 2))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(c, 128, 1) for c in (128, 256, 512))
        self.head = nn.ModuleList(_conv(128, 128) for _ in STRIDES)
        self.output = nn.ModuleList(nn.Conv2d(128, 1 + 4 * BINS, 1) for _ in STRIDES)
        self.role = nn.ModuleList(
            nn.Sequential(_conv(128, 48), nn.Conv2d(48, ROLE_COUNT, 1)) for _ in STRIDES
        )
        # Beside the roles' last layer, on the same features.
        self.goal = nn.ModuleList(nn.Conv2d(48, 1 + 4 * BINS, 1) for _ in STRIDES)
        for layer in self.goal:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.constant_(layer.bias[:1], -5.0)  # goals are rare: say so from the start
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Prediction:
        x = F.max_pool2d(self.stem((image - self.mean) / self.std), 3, 2, padding=1)
        levels = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index > 0:
                levels.append(self.lateral[index - 1](x))
        answers: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
        for index, level in enumerate(_path_aggregation(levels)):
            feature = self.head[index](level)
            role_feature = self.role[index][0](feature)  # type: ignore[index]
            maps = (
                self.output[index](feature),
                self.role[index][1](role_feature),  # type: ignore[index]
                self.goal[index](role_feature),
            )
            for found, answer in zip(answers, maps, strict=True):
                found.append(answer.flatten(2).transpose(1, 2))
        people, roles, goals = (torch.cat(found, 1) for found in answers)
        return Prediction(
            people[..., 0],
            people[..., 1:].unflatten(-1, (4, BINS)),  # type: ignore[no-untyped-call]
            roles,
            goals[..., 0],
            goals[..., 1:].unflatten(-1, (4, BINS)),  # type: ignore[no-untyped-call]
        )


def _path_aggregation(levels: list[Tensor]) -> list[Tensor]:
    """PAN (Liu et al. 2018) with additions only: top-down, then bottom-up."""

    def scale(x: Tensor, factor: float) -> Tensor:
        return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

    low, middle, high = levels
    middle = middle + scale(high, 2)
    low = low + scale(middle, 2)
    middle = middle + scale(low, 0.5)
    high = high + scale(middle, 0.5)
    return [low, middle, high]


def cell_centres(height_px: int, width_px: int) -> Tensor:
    """(N, 3): x and y of each cell's centre in pixels, and its stride, in output order."""
    rows = []
    for stride in STRIDES:
        y = (torch.arange(height_px // stride) + 0.5) * stride
        x = (torch.arange(width_px // stride) + 0.5) * stride
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        level = torch.stack((grid_x.flatten(), grid_y.flatten()), 1)
        rows.append(torch.cat((level, torch.full((len(level), 1), float(stride))), 1))
    return torch.cat(rows)


def load_start_weights(net: HockeyNet, path: Path) -> None:
    """Fill ``net`` from the person detector at ``path`` (ONNX, NanoDet-g layout).

    The convolutions of the file stand in the order of execution, which is also the order
    below; the branch of roles and goals has no counterpart there and keeps its own
    initialisation.

    Raises:
        BadInputError: the file's convolutions are not those of this network.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    values = {item.name: item for item in graph.initializer}
    weights = [
        tuple(
            torch.from_numpy(numpy_helper.to_array(values[name]).copy()) for name in node.input[1:]
        )
        for node in graph.node
        if node.op_type == "Conv"
    ]
    own = _convolutions_in_file_order(net)
    if [w.shape for w, *_ in weights] != [conv.weight.shape for conv in own]:
        raise BadInputError(
            f"{path.name} does not hold the layers of NanoDet-g.",
            "Pass the person detector that the model card names as the start.",
        )
    with torch.no_grad():
        for (weight, bias), conv in zip(weights, own, strict=True):
            conv.weight.copy_(weight)
            if conv.bias is not None:
                conv.bias.copy_(bias)


def _convolutions_in_file_order(net: HockeyNet) -> list[nn.Conv2d]:
    def of(module: nn.Module) -> list[nn.Conv2d]:
        return [m for m in module.modules() if isinstance(m, nn.Conv2d)]

    found = of(net.stem)
    for index, stage in enumerate(net.stages):
        assert isinstance(stage, _Stage)
        found += of(stage.enter)
        for first, second in zip(stage.first, stage.second, strict=True):
            found += of(first) + of(second)
        found += of(stage.leave)
        if index > 0:
            found += of(net.lateral[index - 1])
    for head, output in zip(net.head, net.output, strict=True):
        found += of(head) + of(output)
    return found
