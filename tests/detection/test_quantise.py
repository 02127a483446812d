"""The detector in integers answers as in floats, and keeps what the file says about itself."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.runtime import Network

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from jarvis_dagster.hockey.training.export import export_onnx  # noqa: E402
from jarvis_dagster.hockey.training.net import HockeyNet  # noqa: E402
from jarvis_dagster.hockey.training.quantise import _CUT, _ranges, quantise  # noqa: E402


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("net") / "exact.onnx"
    export_onnx(HockeyNet(), path, metadata={"name": "tiny", "version": "3"})
    return path


def pictures(count: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 256, (count, 12, 20, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, 1).repeat(8, 2))


def test_integers_answer_like_floats(exact: Path, tmp_path: Path) -> None:
    target = tmp_path / "small.onnx"
    quantise(exact, target, list(pictures(6)))
    assert target.stat().st_size < 0.7 * exact.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]
    one, other = Network(exact, threads=1), Network(target, threads=1)
    assert other.facts == one.facts
    assert other.facts["name"] == "tiny"
    image = pictures(7)[6:]
    expected = {name: value.copy() for name, value in one(image).items()}
    for name, value in other(image).items():
        off = np.abs(value - expected[name]).mean()
        assert 0 < off < 0.15 * expected[name].std() + 0.002, name


def test_all_convolutions_compute_in_unsigned_integers_and_answer_in_floats(
    exact: Path, tmp_path: Path
) -> None:
    target = tmp_path / "small.onnx"
    quantise(exact, target, list(pictures(2)))
    graph = onnx.load(str(target)).graph
    values = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type == "Conv":
            rounded = maker[maker[node.input[0]].input[0]]
            assert rounded.op_type == "QuantizeLinear"
            # Signed ones go wrong in OpenVINO on processors without AMX.
            assert values[rounded.input[2]].dtype == np.uint8
    last = [node for node in graph.node if node.op_type == "Transpose"][1:]
    assert len(last) == 15
    assert {maker[node.input[0]].op_type for node in last} == {"Conv"}


def test_values_reach_as_at_the_start_unless_much_were_cut_off(exact: Path, tmp_path: Path) -> None:
    start, alone, widened = (tmp_path / f"{name}.onnx" for name in ("start", "alone", "widened"))
    quantise(exact, start, list(pictures(2)))
    grey = [picture // 8 + 100 for picture in pictures(2)]  # of a rink without contrasts
    quantise(exact, alone, grey)
    quantise(exact, widened, grey, start=start)
    wide = tmp_path / "wide.onnx"
    quantise(exact, wide, list(pictures(2)), start=alone)
    before, narrow, after, far = (
        _ranges(onnx.load(str(path))) for path in (start, alone, widened, wide)
    )
    assert set(after) == set(before)
    assert any(before[name][1] > 1.05 * narrow[name][1] for name in before)
    for found, own, other in ((after, before, narrow), (far, narrow, before)):
        for name, (low, high) in found.items():
            ends = min(own[name][0], other[name][0]), max(own[name][1], other[name][1])
            if ends[1] - ends[0] < _CUT * (own[name][1] - own[name][0]):
                ends = own[name]
            step = (high - low) / 255
            assert (low, high) == pytest.approx(ends, abs=step), name
    assert any(far[name] == narrow[name] for name in far)
    assert any(far[name][1] > _CUT * narrow[name][1] for name in far)


def test_without_pictures_nothing_is_written(exact: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="pictures"):
        quantise(exact, tmp_path / "small.onnx", [])
    assert not list(tmp_path.iterdir())
