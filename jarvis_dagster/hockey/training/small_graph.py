"""Small networks as ONNX files, written node by node.

Belongs here: convolutions with their normalisation folded in, and what stands between them.
Does not belong here: any network; the detector has an exporter of its own (``export``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Block", "SmallGraph", "normalised", "save_and_compare"]

_SCALE = 1 / 64


def normalised(images: Tensor) -> Tensor:
    """(B, H, W, 3) bytes to (B, 3, H, W) around zero, as the files do it themselves."""
    return (images.permute(0, 3, 1, 2).float() - 128) * _SCALE


class Block(nn.Module):
    """A 3x3 convolution, normalised over the batch, without its negative part."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class SmallGraph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Any node."""
        from onnx import helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """Any constant."""
        from onnx import numpy_helper

        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def picture(self) -> str:
        """The input, as :func:`normalised`."""
        from onnx import TensorProto

        x = self.add("Cast", "image", to=TensorProto.FLOAT)
        x = self.add("Transpose", x, perm=[0, 3, 1, 2])
        x = self.add("Sub", x, self.constant(np.array(128, np.float32)))
        return self.add("Mul", x, self.constant(np.array(_SCALE, np.float32)))

    def block(self, x: str, block: nn.Module) -> str:
        """A :class:`Block`, its normalisation made part of the weights."""
        assert isinstance(block, Block)
        norm = block.norm
        assert norm.running_var is not None
        assert norm.running_mean is not None
        factor = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        weight = block.conv.weight.detach() * factor.view(-1, 1, 1, 1)
        bias = norm.bias.detach() - norm.running_mean * factor
        return self.add("Relu", self._conv(x, block.conv, weight, bias))

    def conv(self, x: str, layer: nn.Conv2d) -> str:
        """A convolution with a bias."""
        assert layer.bias is not None
        return self._conv(x, layer, layer.weight.detach(), layer.bias.detach())

    def _conv(self, x: str, layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> str:
        return self.add(
            "Conv",
            x,
            self.constant(weight.numpy()),
            self.constant(bias.numpy()),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            dilations=list(layer.dilation),
            pads=[int(p) for p in layer.padding] * 2,
        )


def save_and_compare(
    graph: SmallGraph,
    path: Path,
    *,
    name: str,
    size: tuple[int, int],
    output: tuple[str, list[str | int]],
    facts: Mapping[str, Any],
    expected: Callable[[Tensor], Tensor],
    most: float = 1e-3,
) -> Path:
    """Write the graph, and prove that it answers as torch does.

    Args:
        size: Height and width of the input ``image`` (B, H, W, 3) uint8.
        output: Name and shape.
        facts: JSON, stored in the file under ``jarvis``.
        expected: Torch's answer to such a picture.

    Raises:
        BadInputError: the answers differ; the file is removed.
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    made = helper.make_graph(
        graph.nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", *size, 3])],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, ["batch", *output[1]])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "jarvis", json.dumps(dict(facts))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    image = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (answer,) = session.run([output[0]], {"image": image})
    with torch.inference_mode():
        own = expected(torch.from_numpy(image)).numpy()
    off = float(np.abs(answer - own).max())
    if not off < most:
        path.unlink()
        raise BadInputError(f"The exported {name} differs from torch by {off:.4f}.")
    return path
