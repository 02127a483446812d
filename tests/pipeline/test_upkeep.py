"""Upkeep as assets: pruned and read back, folders in step, each seen in Dagster."""

from pathlib import Path

import dagster as dg
import pytest

from jarvis_dagster.assets.stored import everything_reads_back, stored
from jarvis_dagster.build import build_definitions
from jarvis_dagster.errors import ConfigError
from jarvis_dagster.resources.services import StorageResource
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import search_index
from tests.services.storage_tools import flip, overwrite, raw_bytes


def run_job(name: str) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions().resolve_job_def(name)
        return job.execute_in_process(instance=instance, raise_on_error=False)


def test_the_store_is_read_back_and_damage_is_named(config: Path, tmp_path: Path) -> None:
    service = StorageResource().service
    service.ensure_buckets()
    (tmp_path / "a.txt").write_text("content of an artifact")
    artifact = service.store_artifact(tmp_path / "a.txt")
    (path,) = [item["path"] for item in service.list_artifacts() if item["id"] == artifact]

    def check() -> dg.AssetCheckEvaluation:
        result = dg.materialize(
            [stored, everything_reads_back], resources={"storage": StorageResource()}
        )
        (found,) = result.get_asset_check_evaluations()
        return found

    named = [one for one in _objects(check()) if artifact in one]
    assert named == []
    bucket = service.config.artifacts_bucket
    overwrite(service, bucket, path, flip(raw_bytes(service, bucket, path), 7))
    found = check()
    assert not found.passed
    assert any(artifact in one for one in _objects(found))


def test_two_folders_are_kept_in_step_by_schedule(config: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, name in ((here, "a.txt"), (there, "b.txt")):
        folder.mkdir()
        (folder / name).write_text(name)
    with config.open("a", encoding="utf-8") as settings:
        settings.write(f"synchronise:\n  season: {{a: '{here}', b: '{there}'}}\n")
    definitions = build_definitions()
    schedule = definitions.resolve_schedule_def("synchronise_season_schedule")
    assert schedule.cron_schedule == "*/15 * * * *"
    result = run_job("synchronise_season")
    assert result.success
    assert {"a.txt", "b.txt"} <= {path.name for path in here.iterdir()}
    assert {"a.txt", "b.txt"} <= {path.name for path in there.iterdir()}
    (found,) = result.get_asset_check_evaluations()
    assert (found.check_name, found.passed) == ("both_sides_hold_the_same", True)
    (event,) = result.asset_materializations_for_node("synchronised__season")
    assert event.metadata["files"].value == 2
    (there / "b.txt").unlink()
    (there / "a.txt").unlink()
    stopped = run_job("synchronise_season")
    assert not stopped.success
    assert (here / "a.txt").is_file()


def test_a_pair_needs_a_plain_name(config: Path) -> None:
    with config.open("a", encoding="utf-8") as settings:
        settings.write("synchronise:\n  'my season': {a: 'x', b: 'y'}\n")
    with pytest.raises(ConfigError, match="letters, digits"):
        load_settings()


def test_the_services_are_asked_by_schedule(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis_dagster.monitoring.watching.SERVICES", ("storage", "security"))
    schedule = build_definitions().resolve_schedule_def("check_services_schedule")
    with dg.instance_for_test() as instance:
        job = build_definitions().resolve_job_def("check_services")
        (found,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert (found.check_name, found.passed) == ("every_service_answers", True)

        def asked() -> int:
            context = dg.build_schedule_context(instance)
            return len(schedule.evaluate_tick(context).run_requests or [])

        assert asked() == 1
        waits = dg.DagsterRunStatus.STARTED
        instance.add_run(dg.DagsterRun("check_services", made_up_id(), status=waits))
        assert asked() == 0


def made_up_id() -> str:
    return "00000000-0000-4000-8000-000000000000"


def test_the_search_index_is_kept_up_to_date(config: Path, tmp_path: Path) -> None:
    drive = tmp_path / "data" / "drive"
    drive.mkdir(parents=True)
    (drive / "tactics.txt").write_text("forecheck with two forwards")
    first = run_job("index_drives")
    assert first.success
    (event,) = first.asset_materializations_for_node("drives__search_index")
    assert event.metadata["texts_read"].value == 1
    hits = search_index(load_settings()).search("forecheck")
    assert [hit.path for hit in hits] == ["tactics.txt"]
    (drive / "tactics.txt").unlink()
    again = run_job("index_drives")
    (event,) = again.asset_materializations_for_node("drives__search_index")
    assert event.metadata["removed"].value == 1
    (found,) = again.get_asset_check_evaluations()
    assert found.passed


def _objects(found: dg.AssetCheckEvaluation) -> list[str]:
    value = found.metadata["objects"].value
    return [str(one) for one in value] if isinstance(value, list) else []
