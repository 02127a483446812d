"""A network that reads roles: judged on the people of the detector, promoted, used, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection import Detections, load_detector
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.detection.role_reader import RoleReader
from jarvis_dagster.hockey.promotion import (
    FIGURES,
    FrozenGames,
    VideoFigures,
    again,
    freeze,
)
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.promotion.conftest import in_use

if TYPE_CHECKING:
    from tests.promotion.conftest import Jarvis


def _picture(labelled_games: Path) -> np.ndarray:
    import cv2

    picture = cv2.imread(str(sorted((labelled_games / "images").iterdir())[0]))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_both_answers_are_taken_together(labelled_games: Path, readers: dict[str, Path]) -> None:
    picture = _picture(labelled_games)
    alone = load_detector(threads=1).for_video()
    blind = load_detector(roles=readers["blind"], threads=1).for_video()
    (found,), (other,) = (one.detect([picture]) for one in (alone, blind))
    assert len(found) > 3
    np.testing.assert_array_equal(other.xyxy, found.xyxy)
    assert set(other.class_index) == {2}
    np.testing.assert_allclose(other.role_share.sum(1), 1, atol=1e-5)
    left = RoleReader(readers["open"], 1)
    same = left.read(picture, found)
    np.testing.assert_array_equal(same.class_index, found.class_index)
    assert blind.version.startswith(f"{alone.version}+roles-")
    assert left.version not in blind.version
    assert len(left.read(picture, Detections.none())) == 0
    with pytest.raises(BadInputError, match="does not tell roles"):
        RoleReader(PACKAGED_WEIGHTS)


def test_a_decision_about_roles_is_made_again_with_the_same_detector(
    labelled_games: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, object]] = []

    def noted(model: object, games: FrozenGames, _: object, *, roles: object) -> list[VideoFigures]:
        seen.append((model, roles))
        figures = dict.fromkeys(FIGURES, 0.5)
        counts = dict.fromkeys(("player", "goalkeeper", "referee"), (5, 1, 1))
        return [VideoFigures(video, 1, figures, counts) for video in games.videos]

    monkeypatch.setattr(again, "measured", noted)
    freeze(labelled_games, tmp_path / "games.tar")
    games, rule = str(tmp_path / "games.tar"), {"figure": "role_macro_f1", "resamples": 100}
    numbers = again.judge(games, "new", None, rule, 1, of_roles=True, detector="eyes")
    assert seen == [(Path("eyes"), None), (Path("eyes"), Path("new"))]
    assert numbers["promoted"] == 0
    again.judge(games, "new", "old", rule, 1)
    assert seen[2:] == [(Path("old"), None), (Path("new"), None)]


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
    chosen = in_use(settings)
    assert (chosen.roles, "own roles stand" in chosen.told) == (None, True)

    with core_services(settings) as core:
        registry = core.experiment_service
        registry.move_alias(name, "champion", "1", by="test", why="To be beaten.")
        jarvis("models", "register", readers["open"], "--name", name)
        code, out, _ = jarvis("models", "promote", name)
        assert code == 0
        assert f"{name} version 2: promoted" in out
        chosen = in_use(settings)
        assert chosen.roles_registered == f"{name} 2"
        assert chosen.roles is not None
        assert chosen.roles.read_bytes() == readers["open"].read_bytes()

        assert "version 1 (it was version 2)" in jarvis("models", "rollback", name)[1]
        assert "the detector's own roles stand" in jarvis("models", "rollback", name)[1]
