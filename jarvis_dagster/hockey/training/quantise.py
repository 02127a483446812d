"""From an exported detector in floats to one that computes in 8-bit integers.

Belongs here: rewriting the ONNX file. Does not belong here: writing it in the first place
(``export``), running it (``hockey/detection/runtime``).

How values become integers is chosen for OpenVINO. Only what enters a convolution is rounded, so
the activation behind it is computed together with it. Signed activations around a zero point of
0 would be faster where the processor has AMX, but OpenVINO 2026.4 computes nonsense from
them where it has not, once parts were concatenated: unsigned ones are right everywhere.
"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

__all__ = ["quantise"]

_LEVELS = 255
_PERCENTILE = 99.99
"""Of a layer's values: the few beyond it are cut off, and all others are rounded finer."""
_CUT = 1.1
"""As far as this much of a start's range, its own stays in force."""


def quantise(
    source: Path,
    target: Path,
    pictures: Sequence[np.ndarray],
    *,
    start: Path | None = None,
    exact: Sequence[int] = (),
) -> None:
    """Make ``source`` compute in 8-bit integers: half the size, and several times faster.

    ``pictures`` (BGR, H and W multiples of 32, all of one size) show which values occur; 20 to
    50 varied ones do. The answers of the last convolutions stay in float. Weights get 7 bits:
    with 8, processors without VNNI instructions overflow when they add products in pairs.

    ``start`` is the detector that training started from. Where it is in integers, too, its ranges
    hold: they were found on pictures of many rinks, and ``pictures`` may be of one.

    ``exact`` are convolutions that stay in floats, by their place in the file: the first ones
    and the last ones may suffer most.

    Raises:
        BadInputError: there is no picture.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if not len(pictures):
        raise BadInputError("Quantising needs pictures to calibrate on.", "Pass 20 or more.")
    folded = target.with_suffix(".folded.onnx")
    _fold(source, folded)
    convolutions = [n.name for n in onnx.load(str(folded)).graph.node if n.op_type == "Conv"]
    with _silence():
        quantize_static(
            str(folded),
            str(target),
            _reader(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[place] for place in exact],
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={
                "OpTypesToExcludeOutputQuantization": ["Conv"],
                "CalibPercentile": _PERCENTILE,
            },
        )
    folded.unlink()
    model = onnx.load(str(target))
    kept = {item.key: item.value for item in onnx.load(str(source)).metadata_props}
    onnx.helper.set_model_props(model, {**kept, "precision": "int8"})
    if start is not None and start.suffix == ".onnx":
        _widen(model, onnx.load(str(start)))
    onnx.save(model, str(target))


def _widen(model: Any, start: Any) -> None:
    """Let each rounded value of ``model`` reach as far as in ``start``, in place.

    It reaches farther only where else much would be cut off: steps that are wider for the chance
    values of a few pictures cost more than they save.
    """
    import numpy as np
    from onnx import numpy_helper

    before = _ranges(start)
    held = {item.name: item for item in model.graph.initializer}
    for name, own in _ranges(model).items():
        other = before.get(name, own)
        low, high = min(own[0], other[0]), max(own[1], other[1])
        if high - low < _CUT * (other[1] - other[0]):
            low, high = other
        step = (high - low) / _LEVELS
        for part, value in (
            ("scale", np.array(step, np.float32)),
            ("zero_point", np.array(round(-low / step), np.uint8)),
        ):
            item = held[f"{name}_{part}"]
            item.CopyFrom(numpy_helper.from_array(value, item.name))


def _ranges(model: Any) -> dict[str, tuple[float, float]]:
    """From where to where the values that enter convolutions reach, by name."""
    from onnx import numpy_helper

    held = {item.name: item for item in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = (float(numpy_helper.to_array(held[name])) for name in node.input[1:])
            found[node.input[0]] = -zero * scale, (_LEVELS - zero) * scale
    return found


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what the library prints, and warns of on the root logger, from the user."""

    def chatter(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(chatter)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.removeFilter(chatter)


def _fold(source: Path, target: Path) -> None:
    """Compute once what does not depend on the picture, such as weights from float16."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _reader(pictures: Sequence[np.ndarray]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._waiting: Iterator[np.ndarray] = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            picture = next(self._waiting, None)
            return None if picture is None else {"image": picture[None]}

    return Pictures()
