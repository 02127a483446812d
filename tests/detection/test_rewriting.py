"""What is computed in integers, and that answers stay what they were."""

from pathlib import Path

import numpy as np

from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.detection.rewriting import pool_integers


def _model(path: Path):
    from openvino.frontend import FrontEndManager

    front = FrontEndManager().load_by_framework("onnx")
    return front.convert(front.load(str(path)))


def _answers(model, pictures):
    import openvino

    exact = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    return {out.any_name: value.copy() for out, value in compiled(pictures).items()}


def test_the_packaged_network_takes_the_largest_of_integers_and_answers_the_same() -> None:
    model = _model(PACKAGED_WEIGHTS)
    pictures = np.random.default_rng(5).integers(0, 256, (1, 96, 160, 3), np.uint8)
    before = _answers(model, pictures)
    assert pool_integers(model) == 1
    assert pool_integers(model) == 0  # nothing is left to do
    (pool,) = (op for op in model.get_ops() if op.get_type_name() == "MaxPool")
    assert pool.input_value(0).get_node().get_type_name() == "Multiply"
    for name, value in _answers(model, pictures).items():
        np.testing.assert_array_equal(value, before[name])


def test_what_turns_the_order_of_values_around_stays_behind_the_pool() -> None:
    from openvino import Model
    from openvino import opset13 as ops

    image = ops.parameter([1, 1, 4, 4], np.float32)
    pool = ops.max_pool(image, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2])
    limits = (np.float32(limit) for limit in (0, 1, 0, 255))
    rounded = ops.fake_quantize(pool.output(0), *limits, levels=256)
    model = Model([ops.multiply(rounded, np.float32(-0.1))], [image])
    assert pool_integers(model) == 0
    (pool,) = (op for op in model.get_ops() if op.get_type_name() == "MaxPool")
    assert pool.input_value(0).get_node().get_type_name() == "Parameter"
