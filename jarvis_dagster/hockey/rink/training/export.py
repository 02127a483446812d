"""From a checkpoint to the ONNX file that the product ships.

Belongs here: writing the graph, and the proof that it answers as torch does. Does not belong
here: using it (``evidence``).

Batch normalisation is folded away, and weights are stored as float16, half the size.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.markings import KINDS
from jarvis_dagster.hockey.rink.training.net import STRIDE, MarkNet, folded, unweighted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["export_onnx"]

_MOST_OFF = 0.03


def export_onnx(net: MarkNet, path: Path, metadata: Mapping[str, object]) -> float:
    """Write ``net`` to ``path``; returns the largest difference of a probability from torch.

    Input ``image`` (B, H, W, 3) uint8 BGR, H and W multiples of 32; output ``heat``
    (B, kinds, H/4, W/4) in 0 to 1.

    Raises:
        BadInputError: the file answers otherwise than torch; it is removed.
    """
    import onnx
    from onnx import TensorProto, helper

    net = unweighted(net)
    graph = _Graph(net)
    x = graph.add("Cast", "image", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.add("Mul", x, graph.constant(np.float32(1 / 255).reshape(1), "unit"))
    x = graph.conv(x, "stem", stride=2)
    levels = []
    for index in range(len(net.stages)):
        x = graph.conv(x, f"stages.{index}.0", stride=2)
        inner = graph.conv(x, f"stages.{index}.1.first")
        inner = graph.conv(inner, f"stages.{index}.1.second", act=False)
        x = graph.add("Relu", graph.add("Add", x, inner))
        levels.append(x)
    sides = [graph.conv(x, f"sides.{i}", act=False) for i, x in enumerate(levels)]
    twice = graph.constant(np.array([1, 1, 2, 2], np.float32), "twice")
    x = graph.add("Relu", sides[-1])
    for index, side in enumerate(sides[-2::-1]):
        up = graph.add(
            "Resize", x, "", twice, mode="linear", coordinate_transformation_mode="half_pixel"
        )
        x = graph.conv(graph.add("Relu", graph.add("Add", up, side)), f"joins.{index}")
    graph.add("Sigmoid", graph.conv(x, "head", act=False), output="heat")
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "rink-marks",
            [value("image", TensorProto.UINT8, ["batch", "height", "width", 3])],
            [value("heat", TensorProto.FLOAT, ["batch", len(KINDS), "rows", "columns"])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    entry = model.metadata_props.add()
    entry.key = "jarvis"
    entry.value = json.dumps({"kinds": KINDS, "stride": STRIDE, **metadata})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    off = _compare(net, path)
    if off > _MOST_OFF:
        path.unlink()
        raise BadInputError(f"The exported network differs from torch by {off:.3f}.")
    return off


class _Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self, net: MarkNet) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._layers = {name: (weight, bias) for name, weight, bias in folded(net)}

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: np.ndarray, name: str) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def conv(self, x: str, layer: str, stride: int = 1, act: bool = True) -> str:
        from onnx import TensorProto

        stored = []
        for part, value in zip(("weight", "bias"), self._layers[layer], strict=True):
            half = value.contiguous().numpy().astype(np.float16)
            name = self.constant(half, f"{layer}.{part}")
            stored.append(self.add("Cast", name, to=TensorProto.FLOAT))
        size = self._layers[layer][0].shape[-1]
        x = self.add(
            "Conv",
            x,
            *stored,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )
        return self.add("Relu", x) if act else x


def _compare(net: MarkNet, path: Path) -> float:
    import onnxruntime

    image = np.random.default_rng(0).integers(0, 256, (1, 96, 160, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answer = session.run(["heat"], {"image": image})[0]
    with torch.inference_mode():
        own = net(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255).sigmoid().numpy()
    return float(np.abs(np.asarray(answer) - own).max())
