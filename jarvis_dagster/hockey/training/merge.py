"""Two networks made one that answers as either of them on what each has seen.

Belongs here: what enters each layer on frames, and the weights that fit both. Does not belong here:
how much the one counts against the other (``blend``, ``keeping``).

Between the start of a training and its end lies more than a straight line: on frames of other
rinks only some directions of what enters a layer occur, and along the others the weights may move
freely. For each layer alone the best weights have a closed form (Jin et al. 2023, "Dataless
knowledge fusion by merging weights of language models", RegMean).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.net import HockeyNet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["Entering", "entering", "merging"]

Entering = dict[str, Tensor]
"""By layer: the mean product of each two of the values that enter it, a constant 1 among them."""

_FRAMES = 16
_PLACES = 160
"""Of each frame and layer."""
_WIDTH_PX, _GREY, _STRIDE = 768, 114, 32
_TOGETHER = 0.9
"""Products of different values count so much: few frames overstate how they belong together."""
_LEAST = 1e-3
"""Of a layer's mean square, added to each: directions that occur nowhere keep still."""
_ELSEWHERE = 1.0
"""Of a layer's mean square on what was seen before, added to it: pictures that nobody remembers let
in other values, for which the start is to answer as before as well."""


def entering(net: HockeyNet, samples: Sequence[Sample]) -> Entering:
    """What enters each layer of ``net`` on up to sixteen of ``samples``, spread evenly."""
    steps = np.linspace(0, len(samples) - 1, min(_FRAMES, len(samples))).round().astype(int)
    chance = torch.Generator().manual_seed(1)
    found: Entering = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def look(layer: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
            assert isinstance(layer, nn.Conv2d)
            rows = _patches(layer, given[0], answer.shape[-1] * answer.shape[-2], chance)
            found[name] = found.get(name, torch.zeros(())) + rows.T @ rows / len(rows)

        return look

    hooks = [layer.register_forward_hook(watch(name)) for name, layer in _layers(net).items()]
    try:
        with torch.inference_mode():
            for step in steps.tolist():
                net(_picture(samples[step]))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total / len(steps) for name, total in found.items()}


def merging(
    start: HockeyNet, tuned: HockeyNet, before: Entering, now: Entering
) -> Callable[[float], HockeyNet]:
    """Networks between ``start`` and ``tuned``, by how much the latter counts, from 0 to 1.

    ``before`` is what enters ``start`` on frames that it is to answer as before on, ``now`` what
    enters ``tuned`` on those that it was tuned for. Each layer's weights are those whose answers
    differ least, in squares, from the one's there and from the other's here; the start's count
    as well on values of any kind, since pictures that nobody remembers let in others.
    """

    def at(share: float) -> HockeyNet:
        net = HockeyNet()
        net.load_state_dict(start.state_dict())
        layers = zip(_layers(start).values(), _layers(tuned).values(), strict=True)
        with torch.no_grad():
            for (name, layer), (one, other) in zip(_layers(net).items(), layers, strict=True):
                moved = _moved(_whole(other) - _whole(one), before[name], now[name], share)
                assert layer.bias is not None
                layer.weight += moved[:, :-1].reshape(layer.weight.shape)
                layer.bias += moved[:, -1]
        return net.eval()

    return at


def _moved(way: Tensor, before: Tensor, now: Tensor, share: float) -> Tensor:
    """The part of ``way`` (outputs, inputs) to go."""
    seen = _calm(before)
    seen.diagonal().add_(_ELSEWHERE * seen.diagonal().mean())
    left, right = (1 - share) * seen, share * _calm(now)
    both = left + right
    both.diagonal().add_(_LEAST * both.diagonal().mean())
    return torch.cholesky_solve(right @ way.T, torch.linalg.cholesky(both)).T


def _calm(products: Tensor) -> Tensor:
    return _TOGETHER * products + (1 - _TOGETHER) * torch.diag(products.diagonal())


def _layers(net: HockeyNet) -> dict[str, nn.Conv2d]:
    return {name: part for name, part in net.named_modules() if isinstance(part, nn.Conv2d)}


def _whole(layer: nn.Conv2d) -> Tensor:
    """Weights and, in the last column, the bias."""
    assert layer.bias is not None
    return torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1)


def _patches(layer: nn.Conv2d, given: Tensor, places: int, chance: torch.Generator) -> Tensor:
    """(N, inputs + 1): what the layer looks at in some places, and a 1."""
    size, step, edge = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    windows = F.pad(given[0], (edge,) * 4).unfold(1, size, step).unfold(2, size, step)
    chosen = torch.randperm(places, generator=chance)[:_PLACES]
    columns = windows.shape[2]
    rows = windows[:, chosen // columns, chosen % columns].permute(1, 0, 2, 3).flatten(1)
    return torch.cat([rows, torch.ones(len(rows), 1)], 1)


def _picture(sample: Sample) -> Tensor:
    import cv2

    picture = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
    if picture is None:
        raise BadInputError(
            f"{sample.image} is not a readable picture.", "Replace it, or take its label away."
        )
    aspect = sum(sample.aspect) / 2 or picture.shape[1] / picture.shape[0]
    small = cv2.resize(picture, (_WIDTH_PX, round(_WIDTH_PX / aspect)), interpolation=3)
    canvas = np.full((-(-len(small) // _STRIDE) * _STRIDE, _WIDTH_PX, 3), _GREY, np.uint8)
    canvas[: len(small)] = small
    return torch.from_numpy(canvas.transpose(2, 0, 1)[None].astype(np.float32))
