"""The network that sees the marks on the ice, in plain torch.

Belongs here: the layers. Does not belong here: losses, data, the loop, export.

An encoder with residual blocks down to a thirty-second of the picture, and a decoder that adds
the levels up again to a quarter: a thin line is told from a stick by what lies near it, and a
goal line from the side of a face-off circle by what lies far from it.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.hockey.rink.evidence import STRIDE
from jarvis_dagster.hockey.rink.markings import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MARK_WEIGHT", "STRIDE", "MarkNet", "folded", "unweighted"]

MARK_WEIGHT = 3.0
"""How much more than nothing a mark weighs in the loss."""

_WIDTHS = (12, 24, 48, 80, 112)
_DECODER = 24


class Conv(nn.Module):
    """Convolution 3x3 or 1x1, batch normalisation, and a rectifier unless told otherwise."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3, act: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self.act else x


class Block(nn.Module):
    """Two convolutions beside a straight path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv(width, width)
        self.second = Conv(width, width, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class MarkNet(nn.Module):
    """(B, 3, H, W) BGR in 0 to 1, H and W multiples of 32, to logits (B, kinds, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__()
        first, *rest = _WIDTHS
        self.stem = Conv(3, first, 2)
        self.stages = nn.ModuleList()
        before = first
        for width in rest:
            self.stages.append(nn.Sequential(Conv(before, width, 2), Block(width)))
            before = width
        self.sides = nn.ModuleList(Conv(width, _DECODER, size=1, act=False) for width in rest)
        self.joins = nn.ModuleList(Conv(_DECODER, _DECODER) for _ in rest[1:])
        self.head = nn.Conv2d(_DECODER, len(KINDS), 1)
        nn.init.constant_(self.head.bias, -3.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        sides = [side(level) for side, level in zip(self.sides, levels, strict=True)]
        x = F.relu(sides[-1])
        for side, join in zip(sides[-2::-1], self.joins, strict=True):
            up = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = join(F.relu(up + side))
        logits: Tensor = self.head(x)
        return logits


def unweighted(net: MarkNet) -> MarkNet:
    """A copy whose answers are probabilities: what ``MARK_WEIGHT`` adds is taken off again.

    With a weight of 1 + w t of a soft answer t, the loss is least at the odds of t times 1 + w.
    """
    fair = copy.deepcopy(net).eval()
    assert fair.head.bias is not None
    with torch.no_grad():
        fair.head.bias[:-1] -= math.log(1 + MARK_WEIGHT)
    return fair


def folded(net: MarkNet) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, weight and bias of every convolution, batch normalisation folded in."""
    for name, module in net.named_modules():
        if isinstance(module, Conv):
            norm = module.norm
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator,arg-type]
            weight = module.conv.weight * gain[:, None, None, None]
            yield name, weight.detach(), (norm.bias - norm.running_mean * gain).detach()  # type: ignore[operator]
    yield "head", net.head.weight.detach(), net.head.bias.detach()  # type: ignore[union-attr]
