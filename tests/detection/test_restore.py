"""Weights from exported files."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS  # noqa: E402
from jarvis_dagster.hockey.detection.runtime import Network  # noqa: E402
from jarvis_dagster.hockey.training.export import export_onnx  # noqa: E402
from jarvis_dagster.hockey.training.net import HockeyNet  # noqa: E402
from jarvis_dagster.hockey.training.restore import load_weights  # noqa: E402


def test_what_was_exported_comes_back(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net, again = HockeyNet(), HockeyNet()
    path = tmp_path / "net.onnx"
    export_onnx(net, path, metadata={"name": "tiny"})
    load_weights(again, path)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_the_packaged_detector_can_be_trained_on() -> None:
    net = HockeyNet().eval()
    load_weights(net, PACKAGED_WEIGHTS)
    image = np.full((1, 96, 160, 3), 235, np.uint8)
    image[0, 24:72, 64:88] = (60, 30, 30)
    answer = Network(PACKAGED_WEIGHTS, threads=1)(image)
    with torch.inference_mode():
        own = net(torch.from_numpy(image).permute(0, 3, 1, 2).float())
    assert answer["score"].max() > 0.05
    np.testing.assert_allclose(own.objectness.sigmoid().numpy(), answer["score"][..., 0], atol=0.1)


@pytest.mark.parametrize("name", ["text.onnx", "text.pt"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no weights at all")
    with pytest.raises(BadInputError, match="text"):
        load_weights(HockeyNet(), path)
