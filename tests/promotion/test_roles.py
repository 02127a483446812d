"""A network that reads roles: judged on the people of the detector, promoted, used, taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jarvis_dagster.champions import chosen_detector  # noqa: E402
from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection import load_detector  # noqa: E402
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS  # noqa: E402
from jarvis_dagster.hockey.detection.role_reader import RoleReader  # noqa: E402
from jarvis_dagster.hockey.training.fitting import Fit  # noqa: E402
from jarvis_dagster.hockey.training.roles import RoleNet, export_roles  # noqa: E402
from jarvis_dagster.settings import load_settings  # noqa: E402
from jarvis_dagster.wiring import core_services  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promotion.conftest import Jarvis


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One that leaves roles to the detector, and one to whom everybody is a referee."""
    folder = tmp_path_factory.mktemp("readers")
    made = {}
    for name, logits in (("open", [0.0, 0.0, 0.0]), ("blind", [0.0, 0.0, 12.0])):
        net = RoleNet().eval()
        with torch.no_grad():
            net.last.weight.zero_()
            net.last.bias.copy_(torch.tensor(logits))
        made[name] = export_roles(net, folder / f"{name}.onnx", Fit(steps=1))
    return made


def _picture(labelled_games: Path) -> np.ndarray:
    import cv2

    picture = cv2.imread(str(sorted((labelled_games / "images").iterdir())[0]))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_both_answers_are_taken_together(labelled_games: Path, readers: dict[str, Path]) -> None:
    picture = _picture(labelled_games)
    alone, left, blind = (
        load_detector(roles=roles, threads=1).for_video()
        for roles in (None, readers["open"], readers["blind"])
    )
    (found,), (same,), (other,) = (one.detect([picture]) for one in (alone, left, blind))
    assert len(found) > 3
    np.testing.assert_array_equal(same.class_index, found.class_index)
    np.testing.assert_array_equal(same.xyxy, found.xyxy)
    assert set(other.class_index) == {2}
    np.testing.assert_allclose(other.role_share.sum(1), 1, atol=1e-5)
    assert left.version.startswith(alone.version)
    assert len({alone.version, left.version, blind.version}) == 3
    with pytest.raises(BadInputError, match="does not tell roles"):
        RoleReader(PACKAGED_WEIGHTS)


@pytest.mark.timeout(600)
def test_the_way_of_a_model_that_reads_roles(
    jarvis: Jarvis, labelled_games: Path, readers: dict[str, Path], detectors: dict[str, Path]
) -> None:
    settings = load_settings()
    name = settings.promotion.roles_model
    jarvis("models", "freeze-games", labelled_games)
    code, _, err = jarvis("models", "register", detectors["good"], "--name", name)
    assert (code, "does not tell roles" in err) == (2, True)
    out = jarvis("models", "register", readers["blind"], "--name", name)[1]
    assert f"Judge it: jarvis models promote {name}" in out

    code, out, _ = jarvis("models", "promote", name, "--json")
    worse = json.loads(out)
    assert code == 3
    assert worse["champion"]["label"] == "the detector's own roles"
    assert worse["rule"]["figure"] == "role_macro_f1"
    chosen = chosen_detector(settings)
    assert (chosen.roles, "own roles stand" in chosen.told) == (None, True)

    with core_services(settings) as core:
        registry = core.experiment_service
        registry.move_alias(name, "champion", "1", by="test", why="To be beaten.")
        jarvis("models", "register", readers["open"], "--name", name)
        code, out, _ = jarvis("models", "promote", name)
        assert code == 0
        assert f"{name} version 2: promoted" in out
        chosen = chosen_detector(settings)
        assert chosen.roles_registered == f"{name} 2"
        assert chosen.roles is not None
        assert chosen.roles.read_bytes() == readers["open"].read_bytes()

        decided = next(r for r in registry.runs("promotion") if r.tags.get("jarvis.sources"))
        code, out, _ = jarvis("experiment", "reproduce", decided.run_id, "--json")
        assert (code, json.loads(out)["agrees"]) == (0, True)

        assert "version 1 (it was version 2)" in jarvis("models", "rollback", name)[1]
        assert "the detector's own roles stand" in jarvis("models", "rollback", name)[1]
