"""Backups as Dagster sees them: an asset, its truths, two jobs, two schedules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from jarvis_dagster.assets.upkeep import backup, every_byte_can_be_read_back
from jarvis_dagster.build import build_definitions
from jarvis_dagster.resources.backups import BackupResource
from tests.backup.installation import KEY, fill, service, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

KINDS = ("artifacts", "models", "datasets", "logs")


@pytest.fixture
def config(tmp_path: Path, object_store: Server) -> Path:
    return write_config(tmp_path, object_store)


def write_config(folder: Path, server: Server, **backup: Any) -> Path:
    """Settings with backups in a folder beside the data directory."""
    path = folder / "jarvis-core.yaml"
    own = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    buckets = {f"{kind}_bucket": f"{own}-{kind}" for kind in KINDS}
    content = {
        "stack": {"data_dir": str(folder / "data")},
        "storage": {
            "endpoint": server.address,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            **buckets,  # other tests use the usual ones
        },
        "backup": {"place": str(folder / "place"), "key": KEY, **backup},
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_asset_makes_a_backup_that_restores(config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "data")
    resources = {"backups": BackupResource(config_file=str(config))}
    done = dg.materialize([backup], resources=resources)
    assert done.success
    (made,) = done.asset_materializations_for_node("upkeep__backup")
    backups = service(tmp_path / "other", tmp_path / "place")
    snapshot = backups.choose()
    assert made.metadata["snapshot"].value == snapshot.id
    backups.restore(snapshot)
    assert state(tmp_path / "other") == state(tmp_path / "data")
    settings = tmp_path / "other/backup/settings/jarvis-core.yaml"
    assert settings.read_text() == config.read_text()


def test_damage_fails_the_check_and_is_named(config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "data")
    resources = {"backups": BackupResource(config_file=str(config))}
    assert dg.materialize([backup], resources=resources).success
    pack = max((tmp_path / "place/packs").rglob("*"), key=lambda one: one.stat().st_size)
    raw = bytearray(pack.read_bytes())
    raw[100] ^= 1
    pack.write_bytes(raw)
    job = dg.define_asset_job(
        "check", selection=dg.AssetSelection.checks(every_byte_can_be_read_back)
    )
    definitions = dg.Definitions(
        assets=[backup],
        asset_checks=[every_byte_can_be_read_back],
        jobs=[job],
        resources=resources,
    )
    done = definitions.resolve_job_def("check").execute_in_process()
    (evaluation,) = done.get_asset_check_evaluations()
    assert not evaluation.passed
    assert pack.name in str(evaluation.metadata["damaged_or_missing"].value)


def test_a_wrong_key_fails_the_run_with_its_remedy(
    config: Path, tmp_path: Path, object_store: Server
) -> None:
    resources = {"backups": BackupResource(config_file=str(config))}
    assert dg.materialize([backup], resources=resources).success
    write_config(tmp_path, object_store, key="another passphrase")
    wrong = {"backups": BackupResource(config_file=str(config))}
    with pytest.raises(dg.Failure, match="The key does not open the backup"):
        dg.materialize([backup], resources=wrong)


def test_schedules_are_there_when_there_is_a_place(config: Path) -> None:
    ours = {"back_up_schedule": "0 3 * * *", "verify_backups_schedule": "0 5 * * 0"}
    with_place = {one.name: one.cron_schedule for one in build_definitions(config).schedules or ()}
    assert ours.items() <= with_place.items()
    without = {one.name for one in build_definitions().schedules or ()}
    assert without.isdisjoint(ours)


def test_a_wrong_time_is_an_error_that_names_it(tmp_path: Path, object_store: Server) -> None:
    path = write_config(tmp_path, object_store, schedule="every night")
    with pytest.raises(Exception, match=r"backup\.schedule"):
        build_definitions(path)


def test_the_jobs_do_what_they_are_named_after(config: Path) -> None:
    definitions = build_definitions(config)
    nodes = {
        name: {node.name for node in definitions.resolve_job_def(name).nodes}
        for name in ("back_up", "verify_backups")
    }
    assert nodes["back_up"] == {"upkeep__backup"}
    assert nodes["verify_backups"] == {"upkeep__backup_every_byte_can_be_read_back"}
