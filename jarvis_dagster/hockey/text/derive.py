"""Make the packaged networks from PaddleOCR's.

    python -m jarvis_dagster.hockey.text.derive reader  PP-OCRv6_rec_small.onnx
    python -m jarvis_dagster.hockey.text.derive finder  ch_PP-OCRv4_det_infer.onnx

Belongs here: what was changed, so that it can be repeated. Does not belong here: use of the
networks. The sources come in the packages ``rapidocr`` 3.10.0 and ``rapidocr-onnxruntime``
1.4.4. Only this module needs ``onnx``.
"""

from __future__ import annotations

import json
import string
import sys
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CHARACTERS", "derive_finder", "derive_reader"]

CHARACTERS = string.digits + string.ascii_letters + ":./-'&+ ÄÅÖØÜÉÆ"
"""What the reader keeps of 18,709 characters: enough for clocks, scores, numbers, names."""
_SMALL = 256
"""Arrays of fewer numbers stay as exact as they were."""


def derive_reader(source: Path, target: Path) -> None:
    """Keep :data:`CHARACTERS` of the last layer, take pictures in bytes, halve the precision."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(source))
    names = next(p.value for p in model.metadata_props if p.key == "character").split("\n")
    known = ["", *names, " "]  # 0 is the blank of CTC
    kept = [0, *(known.index(c) for c in CHARACTERS)]
    softmax = model.graph.node[-1]
    bias = _maker(model, softmax.input[0])
    while bias.op_type == "Identity":
        bias = _maker(model, bias.input[0])
    product = _maker(model, bias.input[0])
    assert (softmax.op_type, bias.op_type, product.op_type) == ("Softmax", "Add", "MatMul")
    for name in (product.input[1], bias.input[1]):
        wide = numpy_helper.to_array(_value(model, name))
        _replace(model, name, np.ascontiguousarray(wide[..., kept]))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(kept)
    _takes_bytes(model, np.full(3, 127.5), np.full(3, 127.5), ("N", 48, "W", 3))
    _keep(model, target, source, {"characters": CHARACTERS, "height_px": 48})


def derive_finder(source: Path, target: Path) -> None:
    """Take pictures in bytes, halve the precision."""
    import onnx

    model = onnx.load(str(source))
    mean, spread = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    _takes_bytes(model, 255 * mean, 255 * spread, ("N", "H", "W", 3))
    _keep(model, target, source, {"multiple_px": 32})


def _maker(model: Any, name: str) -> Any:
    return next(node for node in model.graph.node if name in node.output)


def _value(model: Any, name: str) -> Any:
    found = [t for t in model.graph.initializer if t.name == name]
    found += [n.attribute[0].t for n in model.graph.node if name in n.output and n.attribute]
    return found[0]


def _replace(model: Any, name: str, value: Any) -> None:
    from onnx import numpy_helper

    _value(model, name).CopyFrom(numpy_helper.from_array(value, name))


def _takes_bytes(model: Any, mean: Any, spread: Any, shape: tuple[Any, ...]) -> None:
    """Put ``(bytes - mean) / spread`` and the change of axes before the network."""
    from onnx import TensorProto, helper, numpy_helper

    old = model.graph.input[0].name
    for name, value in (("jarvis_scale", 1 / spread), ("jarvis_shift", -mean / spread)):
        array = value.astype(np.float32).reshape(1, 3, 1, 1)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    before = [
        helper.make_node("Transpose", ["images"], ["jarvis_nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["jarvis_nchw"], ["jarvis_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["jarvis_float", "jarvis_scale"], ["jarvis_scaled"]),
        helper.make_node("Add", ["jarvis_scaled", "jarvis_shift"], [old]),
    ]
    nodes = [*before, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("images", TensorProto.UINT8, list(shape))
    )


def _keep(model: Any, target: Path, source: Path, facts: dict[str, Any]) -> None:
    """Write the network with its weights as half-precision numbers."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    casts, tensors, nodes = [], [], []
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            weights[node.output[0]] = node.attribute[0].t
        else:
            nodes.append(node)
    for name, tensor in weights.items():
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.size >= _SMALL:
            tensors.append(numpy_helper.from_array(value.astype(np.float16), name + "_half"))
            casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        else:
            tensors.append(numpy_helper.from_array(value, name))
    for part, new in ((model.graph.initializer, tensors), (model.graph.node, [*casts, *nodes])):
        del part[:]
        part.extend(new)
    del model.graph.value_info[:]
    del model.metadata_props[:]
    facts = {**facts, "derived_from": source.name, "licence": "Apache-2.0"}
    helper.set_model_props(model, {"jarvis": json.dumps(facts)})
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


if __name__ == "__main__":
    kind, path = sys.argv[1:3]
    folder = Path(__file__).with_name("weights")
    if kind == "reader":
        derive_reader(Path(path), folder / "text_reader.onnx")
    else:
        derive_finder(Path(path), folder / "text_finder.onnx")
