"""With service accounts on, everything that ships does its work, and nothing is refused it."""

from __future__ import annotations

import fnmatch
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.errors import AccessDeniedError
from jarvis_dagster.resources.acting import acting, acts_as, component_now, component_of
from jarvis_dagster.resources.backups import BackupResource
from jarvis_dagster.resources.services import StorageResource
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, inbox_of
from tests.installation import write_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

OF_VIDEOS = {"process_video", "deliver_results", "apply_corrections", "shadow_video"}
"""Jobs that ``test_components`` runs, which has a video."""
LACKS = {"decide_promotion", "promote_approved", "read_labels", "queue_for_review"}
"""Jobs that end early here: there are no games, approvals, labels or videos."""
GIVEN = {
    "promote_approved": ("toolchain__champion", {"approval": "none"}),
    "read_labels": ("toolchain__labels", {"source": "local:Jarvis AI/Training/none.zip"}),
}
TRAINING = "train_"
"""So begin jobs that ``tests/toolchain`` runs."""


@pytest.fixture
def settings_file(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    more = f"""
security: {{service_accounts: true}}
client_storage:
  import_dir: '{tmp_path / "imports"}'
  drives:
    local: {{kind: local, root: '{tmp_path / "drive"}'}}
experiment:
  tracking_uri: 'sqlite:///{tmp_path}/mlflow.sqlite3'
  artifact_root: '{tmp_path / "mlflow"}'
workflow:
  address: '127.0.0.1:9'
  attempts: 1
  timeout_s: 0.5
  triggers: [{{event: 'run_*', workflow: hockey-detection, input: {{dataset: d}}}}]
backup: {{place: '{tmp_path / "backup"}'}}
synchronise:
  training: {{a: 'local:Jarvis AI/Training', b: '{tmp_path / "mirror"}'}}
notification: {{channels: {{desk: {{url: 'json://127.0.0.1:9/'}}}}}}
promotion: {{shadow: true}}
"""
    path = write_settings(tmp_path, object_store, more, buckets=f"r{uuid.uuid4().hex[:10]}")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    with core_services(load_settings()) as core:
        core.storage_service.ensure_buckets()
        inbox = inbox_of(load_settings())
        for folder in ("Uploads", "Results", "Training"):
            inbox.folder(folder)
    (tmp_path / "mirror").mkdir()
    return path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def noted() -> list[tuple[str, str, bool]]:
    """Who did what, and whether it was allowed."""
    with core_services(load_settings()) as core:
        entries = list(core.security_service.audit.entries())
    return [(entry["by"], entry["action"], entry["allowed"]) for entry in entries]


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("settings_file")
def test_every_job_has_the_rights_that_it_needs(instance: dg.DagsterInstance) -> None:
    defs = build_definitions()
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    done: dict[str, bool] = {}
    for name in sorted(one for one in names - OF_VIDEOS if not one.startswith(TRAINING)):
        job = defs.resolve_job_def(name)
        keys = job.partitions_def.get_partition_keys() if job.partitions_def else [None]
        if keys:
            op, config = GIVEN.get(name, ("", {}))
            result = job.execute_in_process(
                run_config={"ops": {op: {"config": config}}} if op else None,
                instance=instance,
                partition_key=keys[-1],
                raise_on_error=False,
            )
            done[name] = result.success
    said = noted()
    assert [entry for entry in said if not entry[2]] == []
    assert {name for name, success in done.items() if not success} <= LACKS, done
    assert {by for by, _, _ in said} >= {"sherlock", "holmes", "autopilot"}
    assert ("sherlock", "backups.write", True) in said
    assert ("holmes", "search.write", True) in said


@pytest.mark.usefixtures("settings_file")
def test_every_sensor_and_schedule_has_the_rights_that_it_needs(
    instance: dg.DagsterInstance,
) -> None:
    defs = build_definitions()
    repository = defs.get_repository_def()

    @dg.op
    def work() -> None:
        """Nothing."""

    @dg.op
    def fail() -> None:
        raise ValueError("of a test")

    chores = [dg.GraphDefinition(name=op.name, node_defs=[op]).to_job() for op in (work, fail)]
    cursors: dict[str, str | None] = {}
    for _ in range(2):
        for sensor in repository.sensor_defs:
            with dg.build_sensor_context(
                instance,
                cursor=cursors.get(sensor.name),
                sensor_name=sensor.name,
                definitions=defs,
                resources=dict(defs.resources or {}),
            ) as context:
                looked = sensor.evaluate_tick(context)
            cursors[sensor.name] = looked.cursor
        for chore in chores:
            chore.execute_in_process(instance=instance, raise_on_error=False)
        seen = dg.AssetMaterialization(["spotlight", "detections"], partition="a")
        instance.report_runless_asset_event(seen)
    for schedule in repository.schedule_defs:
        assert not schedule.required_resource_keys
    said = noted()
    assert [entry for entry in said if not entry[2]] == []
    assert {by for by, _, _ in said} == {"local", "sherlock", "toolchain"}
    assert {action for by, action, _ in said if by == "local"} == {"account.add"}
    assert ("toolchain", "experiment.model", True) in said  # of the shadow
    assert ("sherlock", "notification.notify", True) in said  # of the chore that failed
    assert ("sherlock", "workflow.handle_event", True) in said
    assert json.loads(cursors["tell_of_failures"] or "")["record_id"] > 0


def test_the_documentation_says_who_does_what() -> None:
    """Each job and each sensor stands in the row of the component in whose name it is done."""
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    rows = {
        who: set(re.findall(r"`([\w*]+)`", rest))
        for who, rest in re.findall(r"^\| `(\w+)` \| (`.+? \|.*) \|$", text, re.MULTILINE)
    }
    defs = build_definitions()
    graph = defs.resolve_asset_graph()
    done: dict[str, str] = {}
    for job in defs.resolve_all_job_defs():
        if not job.name.startswith("__"):
            keys = job.asset_layer.executable_asset_keys or {
                key.asset_key for key in job.asset_layer.asset_graph.asset_check_keys
            }
            owners = {component_of(key, graph.get(key).owners) for key in keys}
            done[job.name] = min(owners) if len(owners) == 1 else "several"
    for sensor in defs.get_repository_def().sensor_defs:
        if sensor.name != "games_sensor":  # it calls no service
            done[sensor.name] = sensor._raw_fn.component  # type: ignore[attr-defined]
    for name, who in done.items():
        listed = {
            component
            for component, names in rows.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in names)
        }
        assert len(listed) == 1, (name, listed)
        assert who in {*listed, "several"}, (name, who, listed)


@pytest.mark.usefixtures("settings_file")
def test_what_a_component_has_no_right_to_is_refused_and_noted() -> None:
    with acting("holmes"):
        for refused in (
            lambda: BackupResource().service,
            lambda: StorageResource().service.raw.attributes,
        ):
            with pytest.raises(AccessDeniedError, match="holmes"):
                refused()
    assert ("holmes", "backups.write", False) in noted()
    with acting("sherlock"):
        assert BackupResource().service.place.where

    @acts_as("toolchain")
    def looks() -> str | None:
        return component_now()

    assert looks() == "toolchain"
    assert component_now() is None
