"""From a checkpoint to the ONNX file that the product ships.

Belongs here: writing the graph, and the proof that it computes what torch computes.
Does not belong here: inference (``hockey/detection``).

The graph is written node by node: it stays readable, and needs no tracing exporter. Weights
are stored as float16, half the size, and cast to float32 once when a runtime loads the file.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.net import BINS, ROLE_COUNT, STRIDES, HockeyNet
from jarvis_dagster.hockey.training.restore import load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Parity", "export_onnx", "load_checkpoint"]


_OUTPUTS = {
    "score": 1,
    "sides": 4 * BINS,
    "roles": ROLE_COUNT,
    "goal_score": 1,
    "goal_sides": 4 * BINS,
}
"""Outputs of the graph and their channels."""


@dataclasses.dataclass(frozen=True)
class Parity:
    """Largest differences between the ONNX file and torch on one random picture."""

    score: float
    sides: float
    roles: float


def load_checkpoint(path: Path) -> HockeyNet:
    """The averaged weights of a training run, ready for inference.

    Raises:
        BadInputError: the file is not a checkpoint of this network.
    """
    net = HockeyNet()
    load_weights(net, path)
    return net.eval()


class _Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: np.ndarray, name: str) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def half(self, value: torch.Tensor, name: str) -> str:
        from onnx import TensorProto

        stored = self.constant(value.detach().numpy().astype(np.float16), name)
        return self.add("Cast", stored, to=TensorProto.FLOAT)

    def conv(self, x: str, layer: nn.Conv2d, name: str) -> str:
        assert layer.bias is not None
        return self.add(
            "Conv",
            x,
            self.half(layer.weight, f"{name}.weight"),
            self.half(layer.bias, f"{name}.bias"),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=[int(p) for p in layer.padding] * 2,
        )

    def block(self, x: str, block: nn.Module, name: str) -> str:
        """A convolution and its activation."""
        assert isinstance(block, nn.Sequential)
        layer = block[0]
        assert isinstance(layer, nn.Conv2d)
        return self.add("LeakyRelu", self.conv(x, layer, name), alpha=0.1)

    def resize(self, x: str, scales: str) -> str:
        return self.add(
            "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
        )


def _build(net: HockeyNet) -> _Graph:
    from onnx import TensorProto

    g = _Graph()
    x = g.add("Cast", "image", to=TensorProto.FLOAT)
    x = g.add("Transpose", x, perm=[0, 3, 1, 2])
    x = g.add("Sub", x, g.constant(net.mean.numpy(), "mean"))
    x = g.add("Mul", x, g.constant((1 / net.std).numpy(), "scale"))
    x = g.block(x, net.stem, "stem")
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    levels = []
    for index, stage in enumerate(net.stages):
        x = _stage(g, stage, x, f"stage{index}")
        if index > 0:
            lateral = net.lateral[index - 1]
            assert isinstance(lateral, nn.Conv2d)
            levels.append(g.conv(x, lateral, f"lateral{index - 1}"))
    low, middle, high = levels
    twice = g.constant(np.array([1, 1, 2, 2], np.float32), "twice")
    halve = g.constant(np.array([1, 1, 0.5, 0.5], np.float32), "halve")
    middle = g.add("Add", middle, g.resize(high, twice))
    low = g.add("Add", low, g.resize(middle, twice))
    middle = g.add("Add", middle, g.resize(low, halve))
    high = g.add("Add", high, g.resize(middle, halve))
    _heads(g, net, [low, middle, high])
    return g


def _stage(g: _Graph, stage: nn.Module, x: str, name: str) -> str:
    start = x = g.block(x, stage.enter, f"{name}.enter")  # type: ignore[arg-type]
    pairs = zip(stage.first, stage.second, strict=True)  # type: ignore[arg-type]
    for index, (first, second) in enumerate(pairs):
        part = g.block(x, first, f"{name}.first{index}")
        x = g.add("Concat", g.block(part, second, f"{name}.second{index}"), part, axis=1)
    return g.add("Concat", g.block(x, stage.leave, f"{name}.leave"), start, axis=1)  # type: ignore[arg-type]


def _heads(g: _Graph, net: HockeyNet, levels: list[str]) -> None:
    parts: dict[str, list[str]] = {name: [] for name in _OUTPUTS}

    def keep(name: str, index: int, x: str) -> None:
        """(B, channels, H, W) to (B, cells, channels), noted under the output's name."""
        # In this order runtimes that keep channels last need not move anything.
        last = g.add("Transpose", x, perm=[0, 2, 3, 1])
        shape = g.constant(np.array([0, -1, _OUTPUTS[name]], np.int64), f"{name}{index}.shape")
        rows = g.add("Reshape", last, shape)
        parts[name].append(g.add("Sigmoid", rows) if name in ("score", "goal_score") else rows)

    def presence_and_sides(prefix: str, index: int, x: str, layer: nn.Conv2d) -> None:
        """Two convolutions: to split the answer of one costs more than both."""
        for name, channels in (("score", slice(0, 1)), ("sides", slice(1, None))):
            keep(prefix + name, index, g.conv(x, _some(layer, channels), f"{prefix}{name}{index}"))

    for index, level in enumerate(levels):
        feature = g.block(level, net.head[index], f"head{index}")
        output, role, goal = net.output[index], net.role[index], net.goal[index]
        assert isinstance(output, nn.Conv2d)
        assert isinstance(role, nn.Sequential)
        assert isinstance(goal, nn.Conv2d)
        presence_and_sides("", index, feature, output)
        role_feature = g.block(feature, role[0], f"role{index}.0")
        last = role[1]
        assert isinstance(last, nn.Conv2d)
        keep("roles", index, g.conv(role_feature, last, f"role{index}.1"))
        presence_and_sides("goal_", index, role_feature, goal)
    for name, pieces in parts.items():
        g.add("Concat", *pieces, axis=1, output=name)


def _some(layer: nn.Conv2d, outputs: slice) -> nn.Conv2d:
    """The 1x1 convolution that answers with some of the channels of ``layer``."""
    assert layer.bias is not None
    weight, bias = layer.weight.data[outputs], layer.bias.data[outputs]
    part = nn.Conv2d(layer.in_channels, len(bias), 1)
    part.weight.data, part.bias = weight, nn.Parameter(bias)
    return part


def export_onnx(net: HockeyNet, path: Path, *, metadata: Mapping[str, object]) -> Parity:
    """Write ``net`` to ``path`` and compare the file with torch.

    Input ``image`` (B, H, W, 3) uint8 BGR, H and W multiples of 32. Outputs ``score``
    (B, N, 1) 0 to 1, ``sides`` (B, N, 44) and ``roles`` (B, N, 3) logits, ``goal_score`` and
    ``goal_sides`` likewise, cells of strides 8, 16, 32 in a row. ``metadata`` (values JSON) is
    stored in the file under ``jarvis``.

    Raises:
        BadInputError: the file answers otherwise than torch; it is removed.
    """
    import onnx
    from onnx import TensorProto, helper

    net = net.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    g = _build(net)
    graph = helper.make_graph(
        g.nodes,
        "hockey-detector",
        [
            helper.make_tensor_value_info(
                "image", TensorProto.UINT8, ["batch", "height", "width", 3]
            )
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "cells", channels])
            for name, channels in _OUTPUTS.items()
        ],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "jarvis", json.dumps({"strides": STRIDES, "bins": BINS, **metadata})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    parity = _compare(net, path)
    if not (parity.score < 0.02 and parity.sides < 0.2 and parity.roles < 0.2):
        path.unlink()
        raise BadInputError(f"The exported detector differs from torch: {parity}.")
    return parity


def _compare(net: HockeyNet, path: Path) -> Parity:
    import onnxruntime

    image = np.random.default_rng(0).integers(0, 256, (1, 96, 160, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers = dict(zip(_OUTPUTS, session.run(list(_OUTPUTS), {"image": image}), strict=True))
    with torch.inference_mode():
        own = net(torch.from_numpy(image).permute(0, 3, 1, 2).float())
    expected = {
        "score": own.objectness.sigmoid()[..., None],
        "sides": own.sides.flatten(2),
        "roles": own.roles,
        "goal_score": own.goal_objectness.sigmoid()[..., None],
        "goal_sides": own.goal_sides.flatten(2),
    }
    off = {name: float(np.abs(answers[name] - expected[name].numpy()).max()) for name in _OUTPUTS}
    return Parity(
        score=max(off["score"], off["goal_score"]),
        sides=max(off["sides"], off["goal_sides"]),
        roles=off["roles"],
    )
