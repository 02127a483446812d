"""The production instance of Dagster, on a real PostgreSQL made by the stack's own script."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from tests.deploy.project import ROOT
from tests.postgres import PASSWORDS, missing_for_postgres, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def postgres_port() -> Iterator[int]:
    """Of a PostgreSQL of its own, with the roles and databases of the production stack."""
    if missing := missing_for_postgres():
        pytest.skip(missing)
    with running_postgres() as server:
        yield server.port


@dg.asset
def counted() -> int:
    return 3


# A process of its own, as in production: pytest takes the streams of this one.
COUNTED = """
import dagster as dg

@dg.asset
def counted() -> int:
    print("three")
    return 3

with dg.DagsterInstance.get() as instance:
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled
    done = dg.materialize([counted], instance=instance)
    assert done.success
"""


def test_runs_are_kept_in_postgres_and_what_they_print_in_the_object_store(
    postgres_port: int, object_store: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres", reason="pip install 'jarvis-dagster[production]'")
    storage = JarvisStorageService(
        StorageConfig(
            endpoint=object_store.address,
            access_key=object_store.access_key,
            secret_key=object_store.secret_key,
        )
    )
    storage.ensure_buckets()
    monkeypatch.setenv("DAGSTER_LOGS_S3_URL", f"http://{object_store.address}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", object_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", object_store.secret_key)
    monkeypatch.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "for-dagster")
    settings = yaml.safe_load((ROOT / "deploy/dagster/dagster.yaml").read_text("utf-8"))
    settings["storage"]["postgres"]["postgres_db"]["port"] = postgres_port
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    command = [sys.executable, "-c", COUNTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        (run,) = again.get_runs()
        assert run.is_success
        assert again.get_latest_materialization_event(dg.AssetKey("counted")) is not None
    printed = []
    for found in storage.raw.iter_objects("jarvis-logs", f"dagster/storage/{run.run_id}/"):
        if found.key.endswith(".out"):
            storage.raw.get("jarvis-logs", found.key, tmp_path / "printed")
            printed.append((tmp_path / "printed").read_bytes())
    storage.close()
    assert b"three\n" in b"".join(printed)


def test_no_role_opens_anothers_database(postgres_port: int) -> None:
    psycopg2 = pytest.importorskip("psycopg2")
    owned = {"dagster": {"dagster"}, "mlflow": {"mlflow"}}
    owned["temporal"] = {"temporal", "temporal_visibility"}
    for role, password in PASSWORDS.items():
        for owner, databases in owned.items():
            for database in databases:
                address = {"host": "127.0.0.1", "port": postgres_port, "dbname": database}
                if role == owner:
                    psycopg2.connect(user=role, password=password, **address).close()
                else:
                    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
                        psycopg2.connect(user=role, password=password, **address)


def test_both_instances_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis_dagster.stack import StackConfig, write_dagster_home

    dagster_instance_config(str(ROOT))
    write_dagster_home(StackConfig(data_dir=tmp_path))
    embedded, _ = dagster_instance_config(str(tmp_path / "dagster"))
    production = yaml.safe_load((ROOT / "deploy/dagster/dagster.yaml").read_text("utf-8"))
    # What they have in common must not drift apart.
    for section in ("run_retries", "retention", "run_coordinator", "telemetry", "concurrency"):
        assert embedded[section] == production[section], section
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        assert dg.materialize([counted], instance=instance).success


def test_workspaces_name_the_same_location() -> None:
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    for path in ("workspace.yaml", "deploy/dagster/workspace.yaml"):
        assert [o.location_name for o in location_origins_from_yaml_paths([str(ROOT / path)])] == [
            "jarvis"
        ]
