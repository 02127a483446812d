"""The network of the rink in integers."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from jarvis_dagster.hockey.rink.evidence import MarkFinder
from jarvis_dagster.hockey.rink.training.export import export_onnx
from jarvis_dagster.hockey.rink.training.net import MarkNet
from jarvis_dagster.hockey.rink.training.rounding import pictures, round_marks
from tests import media


def test_in_integers_it_sees_what_it_sees_in_floats(tmp_path):
    exact, target = tmp_path / "floats.onnx", tmp_path / "integers.onnx"
    export_onnx(MarkNet(), exact, {"name": "rink-marks"})
    video = media.write_video(tmp_path / "a.mp4", media.pan(4, (320, 180)), fps=10)
    round_marks(exact, target, [video], scenes=3)
    assert target.stat().st_size < 0.75 * exact.stat().st_size
    (seen, *_) = pictures([video], 0)
    assert seen.shape == (288, 512, 3)
    floats, integers = (MarkFinder(path, threads=1)(seen).heat for path in (exact, target))
    assert np.abs(floats - integers).mean() < 0.02
