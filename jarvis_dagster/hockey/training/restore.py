"""From an exported detector back to weights that can be trained on.

Belongs here: reading what ``export`` and ``quantise`` wrote. Does not belong here: the start
network, whose layers are others' (``net``).
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.training.net import HockeyNet, load_start_weights

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["facts_of", "knows_roles", "load_weights", "network", "restore"]


def network(path: Path) -> HockeyNet:
    """The network at ``path``, ready for inference; see :func:`load_weights`."""
    net = HockeyNet()
    load_weights(net, path)
    return net.eval()


def knows_roles(path: Path) -> bool:
    """Whether the network at ``path`` is a detector of this project, not the bare start."""
    return path.suffix != ".onnx" or bool(facts_of(path))


def facts_of(path: Path) -> dict[str, object]:
    """What the detector at ``path`` says of its use; empty where it is none of this project."""
    import onnx

    if path.suffix != ".onnx":
        return {}
    told = onnx.load(str(path)).metadata_props
    return next((json.loads(entry.value) for entry in told if entry.key == "jarvis"), {})


def load_weights(net: HockeyNet, path: Path) -> None:
    """Fill ``net`` from a checkpoint, a detector that was exported, or the start network.

    Raises:
        BadInputError: it is none of them.
    """
    if path.suffix != ".onnx":
        try:
            net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu")["average"])
        except (OSError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
            raise BadInputError(
                f"{path} is not a checkpoint of this detector.", "Pass one that training wrote."
            ) from error
        return
    import onnx

    try:
        model = onnx.load(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInputError(
            f"{path} is not an ONNX model: {error}", "Name a detector as `jarvis train` writes it."
        ) from error
    except Exception as error:  # protobuf's own errors
        raise BadInputError(
            f"{path} is not an ONNX model.", "Name a detector as `jarvis train` writes it."
        ) from error
    if any(entry.key == "jarvis" for entry in model.metadata_props):
        restore(net, model)
    else:
        load_start_weights(net, path)


def restore(net: HockeyNet, model: Any) -> None:
    """Fill ``net`` from a loaded ONNX model of this project, in floats or in 8-bit integers.

    What 8 bits rounded stays rounded; training starts from there all the same.

    Raises:
        BadInputError: its layers are not those of this network.
    """
    values = _Values(model.graph)
    found = sorted(
        (node for node in model.graph.node if node.op_type == "Conv"),
        key=lambda node: int(node.name.rpartition("_")[2]),  # in the order of export
    )
    wanted = _layers_in_export_order(net)
    parts = [(values(node.input[1]), values(node.input[2])) for node in found]
    expected = [(layer.weight[rows].shape, rows) for layer, rows in wanted]
    if [weight.shape for weight, _ in parts] != [tuple(shape) for shape, _ in expected]:
        raise BadInputError(
            "The model's layers are not those of this detector.", "Export it with this version."
        )
    with torch.no_grad():
        for (weight, bias), (layer, rows) in zip(parts, wanted, strict=True):
            assert layer.bias is not None
            layer.weight[rows] = torch.from_numpy(weight)
            layer.bias[rows] = torch.from_numpy(bias)


class _Values:
    """What a name in a graph stands for, as float32."""

    def __init__(self, graph: Any) -> None:
        self._constants = {item.name: item for item in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}

    def __call__(self, name: str) -> np.ndarray:
        from onnx import numpy_helper

        if name in self._constants:
            return np.asarray(numpy_helper.to_array(self._constants[name]), np.float32)
        node = self._makers[name]
        if node.op_type != "DequantizeLinear":
            return self(node.input[0])  # a cast
        steps, scale, zero = (self(part) for part in node.input)
        shape = (-1,) + (1,) * (steps.ndim - 1) if scale.ndim else ()
        return np.asarray((steps - zero.reshape(shape)) * scale.reshape(shape), np.float32)


def _layers_in_export_order(net: HockeyNet) -> list[tuple[nn.Conv2d, slice]]:
    """Each convolution of an exported file: the layer it is of, and which of its outputs."""
    whole, first, rest = slice(None), slice(0, 1), slice(1, None)

    def of(module: nn.Module, rows: slice = whole) -> list[tuple[nn.Conv2d, slice]]:
        return [(part, rows) for part in module.modules() if isinstance(part, nn.Conv2d)]

    found = of(net.stem)
    for index, stage in enumerate(net.stages):
        found += of(stage.enter)  # type: ignore[arg-type]
        pairs = zip(stage.first, stage.second, strict=True)  # type: ignore[arg-type]
        for one, other in pairs:
            found += of(one) + of(other)
        found += of(stage.leave)  # type: ignore[arg-type]
        if index > 0:
            found += of(net.lateral[index - 1])
    for index, head in enumerate(net.head):
        found += of(head)
        found += of(net.output[index], first) + of(net.output[index], rest)
        found += of(net.role[index])
        found += of(net.goal[index], first) + of(net.goal[index], rest)
    return found
