"""Every call is checked, on the real object store: what is not allowed is refused and noted."""

from __future__ import annotations

import json
import operator
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.components import TSAIComponent
from jarvis_dagster.errors import AccessDeniedError, PermanentError
from jarvis_dagster.services.analytics import AnalyticsConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.security import LOCAL, Principal, SecurityConfig
from jarvis_dagster.services.security.rights import _CALLS
from jarvis_dagster.services.storage import StorageConfig
from jarvis_dagster.services.workflow import WorkflowConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server

ADMIN = Principal("ada", "admin", None)
DEVELOPER = Principal("dev", "developer", None)
U18 = Principal("kim", "user", frozenset({"u18"}))
U16_MAKER = Principal("maker", "spotlight", frozenset({"u16"}), "service")


@pytest.fixture
def core(tmp_path: Path, object_store: Server) -> Iterator[JarvisCoreServices]:
    storage = StorageConfig(
        endpoint=object_store.address,
        access_key=object_store.access_key,
        secret_key=object_store.secret_key,
        secure=False,
    )
    with JarvisCoreServices(
        storage=storage,
        security=SecurityConfig(directory=tmp_path / "security", drive_teams={"u16": "u16"}),
        analytics=AnalyticsConfig(directory=tmp_path / "metrics"),
        workflow=WorkflowConfig(address="127.0.0.1:9"),  # which nobody gets as far as
    ) as core:
        core.storage_service.ensure_buckets()
        yield core


def file(folder: Path, text: str) -> Path:
    path = folder / "report.html"
    path.write_text(text)
    return path


def last(core: JarvisCoreServices) -> tuple[str, str, bool]:
    *_, entry = core.security_service.audit.entries()
    return entry["by"], entry["action"], entry["allowed"]


def test_each_role_may_do_what_the_specification_gives_it(core: JarvisCoreServices) -> None:
    def may(role: str) -> set[str]:
        principal = Principal("x", role)
        resources = {name for calls in _CALLS.values() for name, _ in calls.values()} - {"{kind}"}
        return {
            f"{resource}:{right}"
            for resource in resources | {"datasets", "reports"}
            for right in ("read", "write")
            if core.security_service.allows(principal, resource, right)
        }

    assert {"artifacts:write", "models:write", "workflows:write"} <= may("admin")
    assert {right for right in may("developer") if right.endswith(":write")} == {
        "experiments:write",
        "models:write",
    }
    assert may("user") == {
        "artifacts:read",
        "reports:read",
        "experiments:read",
        "client_storage:read",
        "approvals:read",
        "client_storage:write",
    }
    assert may("nobody") == set()


def test_what_is_not_allowed_is_refused_and_noted(core: JarvisCoreServices, tmp_path: Path) -> None:
    path = file(tmp_path, "a report")
    with pytest.raises(AccessDeniedError, match=r"kim \(user\) may not write artifacts"):
        core.acting_as(U18).storage_service.store_artifact(path)
    assert last(core) == ("kim", "storage.store_artifact", False)
    with pytest.raises(AccessDeniedError, match="may not write alerts"):
        core.acting_as(U18).analytics_service.send_alert({"name": "x"})
    assert core.storage_service.list_artifacts(component="guard") == []


def test_what_is_allowed_is_done_and_noted(core: JarvisCoreServices, tmp_path: Path) -> None:
    path = file(tmp_path, f"a report of {tmp_path}")
    made = core.acting_as(ADMIN).storage_service.store_artifact(path, component="allowed")
    assert last(core) == ("ada", "storage.store_artifact", True)
    assert core.acting_as(U18).storage_service.retrieve_artifact(made, tmp_path / "got")
    assert (tmp_path / "got").read_text() == path.read_text()
    assert last(core) == ("kim", "storage.retrieve_artifact", True)


@pytest.mark.parametrize("name", ["raw", "ensure_buckets", "config", "objects", "no_such_thing"])
def test_what_the_table_does_not_know_is_for_admins(core: JarvisCoreServices, name: str) -> None:
    guarded = core.acting_as(DEVELOPER).storage_service
    with pytest.raises((AccessDeniedError, AttributeError)):
        operator.methodcaller(name)(guarded)
    core.acting_as(ADMIN).storage_service.ensure_buckets()


def test_the_service_behind_the_guard_is_out_of_reach(core: JarvisCoreServices) -> None:
    guarded = core.acting_as(U18).storage_service
    for name in ("_wire", "__dict__x", "_config", "__wrapped__"):
        with pytest.raises(AttributeError):
            getattr(guarded, name)
    with pytest.raises(AccessDeniedError):
        core.acting_as(U18).security_service.add_account("eve", "admin")


def test_one_team_never_sees_anothers(core: JarvisCoreServices, tmp_path: Path) -> None:
    path = file(tmp_path, f"the U16 of {tmp_path}")
    maker, kim = core.acting_as(U16_MAKER), core.acting_as(U18)
    made = maker.storage_service.store_artifact(path, {"video": "u16.mp4"}, "teams")
    item = core.storage_service.find_artifact(made)
    assert item is not None
    assert item["metadata"] == {"video": "u16.mp4", "team": "u16"}
    assert kim.storage_service.find_artifact(made) is None
    assert kim.storage_service.retrieve_artifact(made, tmp_path / "got") is False
    assert not (tmp_path / "got").exists()
    assert last(core) == ("kim", "storage.retrieve_artifact", False)
    assert made not in {one["id"] for one in kim.storage_service.list_artifacts("teams")}
    assert made in {one["id"] for one in maker.storage_service.list_artifacts("teams")}
    assert made in {
        one["id"] for one in core.acting_as(DEVELOPER).storage_service.list_artifacts("teams")
    }


def test_nobody_stores_for_another_team(core: JarvisCoreServices, tmp_path: Path) -> None:
    path = file(tmp_path, f"a forgery of {tmp_path}")
    maker = core.acting_as(U16_MAKER).storage_service
    with pytest.raises(AccessDeniedError, match="for the team u18"):
        maker.store_artifact(path, {"team": "u18"}, "forged")
    with pytest.raises(AccessDeniedError, match="for the team u18"):
        maker.store_artifact(path, metadata={"team": "u18"}, component="forged")
    assert last(core) == ("maker", "storage.store_artifact", False)
    assert core.storage_service.list_artifacts("forged") == []


def test_a_drive_of_another_team_is_refused(core: JarvisCoreServices) -> None:
    teams = core.security_service.teams
    with pytest.raises(AccessDeniedError, match="may not use the drive u16"):
        teams.require_drive(U18, "import_user_media", ("u16",), {})
    with pytest.raises(AccessDeniedError):
        teams.require_drive(U18, "export_results", (["x"],), {"drive_name": "u16"})
    teams.require_drive(U16_MAKER, "import_user_media", ("u16",), {})
    teams.require_drive(U18, "import_user_media", ("everybodys",), {})


def test_a_component_acts_with_its_own_rights(core: JarvisCoreServices, tmp_path: Path) -> None:
    holmes = core.security_service.component("Holmes")
    component = TSAIComponent("Holmes", core.acting_as(holmes))
    made = component.store_artifact(file(tmp_path, f"by Holmes in {tmp_path}"))
    assert last(core) == ("holmes", "storage.store_artifact", True)
    assert component.retrieve_artifact(made, tmp_path / "got")
    component.log_metric("jarvis_test_reports", 1.0)
    with pytest.raises(AccessDeniedError, match="may not write workflows"):
        component.start_workflow("computer-vision", {})
    again = core.security_service.component("Holmes")
    assert again == holmes


def test_whoever_runs_the_processes_needs_no_account(core: JarvisCoreServices) -> None:
    assert core.security_service.allows(LOCAL, "artifacts", "write")
    assert core.security_service.accounts.all() == []


ADMINS_ALONE = {
    "storage": {"delete_artifact", "restore_artifact", "ensure_buckets"},
    "client_storage": {"audit"},
}


def test_the_table_knows_every_call(core: JarvisCoreServices) -> None:
    """What keeps people's material: a new call has a right or is, on purpose, for admins alone."""
    from jarvis_dagster.services.client_storage import JarvisClientStorageService
    from jarvis_dagster.services.experiment import JarvisExperimentService

    services = {
        "storage": type(core.storage_service),
        "client_storage": JarvisClientStorageService,
        "experiment": JarvisExperimentService,
    }
    for kind, service in services.items():
        there = {name for name in dir(service) if not name.startswith("_")} - {"close"}
        unknown = there - set(_CALLS[kind]) - ADMINS_ALONE.get(kind, set())
        assert unknown == set(), f"{kind}: {sorted(unknown)}"


def test_what_is_made_from_a_video_is_of_the_team_of_its_drive(
    core: JarvisCoreServices, tmp_path: Path
) -> None:
    storage = core.storage_service
    for key, drive in (("game-of-u16", "u16"), ("game-of-all", "club")):
        source = file(tmp_path, json.dumps({"drive": drive}))
        storage.put_file(f"artifacts/{key}/footage/source.json", source)
        storage.put_file(f"artifacts/{key}/game_report/report.html", source)
    storage.put_file("artifacts/tables/season.parquet", source)
    of_u16, of_all = (f"artifacts/game-of-{who}/game_report/report.html" for who in ("u16", "all"))
    kim = core.acting_as(U18).storage_service
    assert (kim.exists(of_u16), kim.stat(of_u16)) == (False, None)
    with pytest.raises(PermanentError, match="does not exist"):
        kim.get_file(of_u16, tmp_path / "got")
    assert last(core) == ("kim", "storage.get_file", False)
    assert not (tmp_path / "got").exists()
    assert kim.exists(of_all)
    kim.get_file(of_all, tmp_path / "got")
    for hidden in ("artifacts/tables/season.parquet", "artifacts/none/x.json", ".jarvis/keys/a"):
        assert not kim.exists(hidden)
    maker = core.acting_as(U16_MAKER).storage_service
    maker.put_file(of_u16, file(tmp_path, "better"))
    with pytest.raises(AccessDeniedError, match="may not store"):
        maker.put_file("artifacts/tables/season.parquet", tmp_path / "report.html")
    for method in ("history", "resolve", "retrieve", "pin"):
        with pytest.raises(AccessDeniedError, match="other teams"):
            operator.methodcaller(method, "detector")(maker)
    bucket = storage.config.models_bucket
    with pytest.raises(AccessDeniedError, match="may not read models"):
        kim.exists("models/detector.onnx", bucket)
    with pytest.raises(AccessDeniedError):
        core.acting_as(DEVELOPER).storage_service.get_file(of_all, tmp_path / "got", "elsewhere")
