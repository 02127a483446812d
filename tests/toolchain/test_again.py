"""A training that is made again from its stored dataset gives the same figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.toolchain.pipeline import Workshop


@pytest.mark.timeout(900)  # two trainings on a busy machine
def test_the_figures_of_a_training_agree(
    core: JarvisCoreServices, shop: Workshop, ref: str, tmp_path: Path
) -> None:
    options = {"steps": 10, "batch": 16, "seed": 23}
    request = {"pipeline": "hockey-role-classification", "dataset": ref, "test": ["game_2"],
               "options": options}  # fmt: skip
    done = shop.run(request)
    service = core.experiment_service
    path = service.fetch_artifact(done["run_id"], "training_videos.json", tmp_path)
    assert json.loads(path.read_text("utf-8")) == [
        *done["job"]["split"]["training"],
        *done["job"]["split"]["validation"],
    ]
    found = service.reproduce(done["run_id"])
    assert found.agrees, found.figures
    assert found.same_code
    assert found.data == ("dataset",)
    assert found.seeds == {"python": 23, "numpy": 23, "torch": 23}
    assert {one.name for one in found.figures} == {
        f"test/{name}" for name in done["figures"]["metrics"]
    }
