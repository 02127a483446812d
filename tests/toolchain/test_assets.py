"""Dataset and training as Dagster runs them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import dagster as dg
import pytest

pytest.importorskip("torch")

from jarvis_dagster.build import build_definitions
from tests.installation import write_settings
from tests.toolchain.conftest import TINY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

pytestmark = pytest.mark.usefixtures("few_layers")


@pytest.fixture
def config(
    tmp_path: Path,
    object_store: Server,
    mlflow_server: Server,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    more = f"""
security: {{service_accounts: true}}
experiment: {{tracking_uri: '{mlflow_server.url}'}}
client_storage:
  import_dir: '{tmp_path / "imports"}'
  drives: {{club: {{kind: local, root: '{tmp_path / "club"}'}}}}
"""
    path = write_settings(tmp_path, object_store, more, buckets=prefix)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("shop")
def test_from_the_drive_to_a_challenger(config: Path, export: Path, tmp_path: Path) -> None:
    shutil.copytree(export, tmp_path / "club" / "Training" / "Rink 3")
    definitions = build_definitions(config)
    with dg.DagsterInstance.ephemeral() as instance:
        made = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["toolchain", "dataset"])],
            run_config={
                "ops": {
                    "toolchain__dataset": {
                        "config": {"source": "club:Training/Rink 3", "name": "rink3"}
                    }
                }
            },
        )
        (event,) = made.get_asset_materialization_events()
        metadata = event.materialization.metadata
        ref = str(metadata["dataset"].value)
        assert ref.startswith("rink3@")
        assert metadata["videos"].value == {"game_0": 4, "game_1": 4, "game_2": 4}
        assert "data:image/jpeg" in str(metadata["examples"].value)
        (check,) = made.get_asset_check_evaluations()
        assert check.passed

        job = definitions.resolve_job_def("train_hockey_detection")
        options = {**TINY, "seed": 9}
        done = job.execute_in_process(
            instance=instance,
            run_config={
                "ops": {
                    "toolchain__hockey_detection_data": {
                        "config": {"dataset": ref, "test": ["game_1"], "options": options}
                    }
                }
            },
        )
        assert done.success
        challenger = done.output_for_node("toolchain__hockey_detection_challenger")
        assert challenger["alias"] == "challenger"
        events = {e.asset_key.path[1]: e for e in done.get_asset_materialization_events()}
        figures = events["hockey_detection_challenger"].materialization.metadata
        assert figures["model"].value == f"hockey_detector {challenger['version']}"
        assert events["hockey_detection_data"].materialization.metadata["test"].value == ["game_1"]
        assert len(done.get_asset_check_evaluations()) == 1

        # alone and later, an asset takes what the last run left
        again = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["toolchain", "hockey_detection_challenger"])],
        )
        assert again.output_for_node("toolchain__hockey_detection_challenger") == challenger


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_read_fails_once_with_its_remedy(config: Path) -> None:
    definitions = build_definitions(config)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["toolchain", "dataset"])],
            run_config={
                "ops": {"toolchain__dataset": {"config": {"source": "club:Training/Nothing"}}}
            },
            raise_on_error=False,
        )
        (failure,) = [e for e in result.all_events if e.is_step_failure]
        assert (
            "There is no Training/Nothing"
            in failure.step_failure_data.user_failure_data.description
        )
