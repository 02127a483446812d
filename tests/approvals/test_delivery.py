"""Results wait for a yes: the drive gets nothing before it, and exactly what was approved after."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.jobs import deliver_results
from jarvis_dagster.resources.services import ApprovalResource
from jarvis_dagster.sensors.approvals import APPROVAL_TAG, Tried, approvals_sensor, due
from jarvis_dagster.sensors.notices import _delivered
from jarvis_dagster.services.approval import Approval
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import StackConfig, write_dagster_home
from jarvis_dagster.wiring import core_services
from tests.approvals import platform
from tests.cli.test_cli import jarvis
from tests.installation import write_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.services.core import JarvisCoreServices
    from tests.servers import Server


@pytest.fixture(scope="module")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One instance for all tests of this file: to make one takes longer than a delivery."""
    folder = tmp_path_factory.mktemp("installation")
    write_dagster_home(StackConfig(data_dir=folder))
    return folder / "dagster"


@pytest.fixture
def core(
    tmp_path: Path, object_store: Server, dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JarvisCoreServices]:
    path = write_settings(tmp_path, object_store, "approvals: {results: {required: true}}")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    with core_services(load_settings()) as made:
        made.storage_service.ensure_buckets()
        yield made


@pytest.fixture
def video(core: JarvisCoreServices, tmp_path: Path) -> Workspace:
    made = platform.analysed(core, tmp_path)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("videos", [made.key])
    return made


@dataclasses.dataclass
class Ran:
    success: bool
    delivered: bool
    told: bool
    approved: bool


@functools.lru_cache(1)
def definitions(config: str) -> dg.Definitions:
    """Those of the settings of one test."""
    return build_definitions(Path(config))


def deliver(video: Workspace, **tags: str) -> Ran:
    """One run of the delivery, as the daemon would start it."""
    with dg.DagsterInstance.get() as instance:
        result = (
            definitions(os.environ["JARVIS_CONFIG"])
            .resolve_job_def(deliver_results.name)
            .execute_in_process(
                instance=instance, partition_key=video.key, tags=tags, raise_on_error=False
            )
        )
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        return Ran(
            result.success,
            bool(result.get_asset_materialization_events()),
            _delivered(instance, run),
            all(one.passed for one in result.get_asset_check_evaluations()),
        )


def requested() -> list[dg.RunRequest]:
    """What the sensor asks for at one look."""
    with dg.DagsterInstance.get() as instance:
        context = dg.build_sensor_context(
            instance=instance,
            repository_def=definitions(os.environ["JARVIS_CONFIG"]).get_repository_def(),
        )
        looked: Any = approvals_sensor(context, approvals=ApprovalResource())
    return list(getattr(looked, "run_requests", None) or [])


def results_of(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "data" / "drive" / "Jarvis AI" / "Results" / "game"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_delivered_before_a_yes_and_all_of_it_after(
    core: JarvisCoreServices, video: Workspace, tmp_path: Path
) -> None:
    assert deliver(video) == Ran(success=True, delivered=False, told=False, approved=False)
    assert results_of(tmp_path) == {}
    assert requested() == []
    (asked,) = core.approval_service.approvals()
    assert asked.title == "Deliver the results of game.mp4"
    assert {one.name: one.after for one in asked.figures} == {
        "people": 3,
        "players": 3,
        "zone entry": 1,
        "shot": 2,
        "highlights": 1,
    }
    assert [one.name for one in asked.shown] == ["report", "01.jpg"]
    for one in asked.shown:
        reference = core.storage_service.stat(one.key)
        assert reference is not None
        assert reference.sha256 == one.sha256

    core.approval_service.approve(asked.id)
    (request,) = requested()
    assert (request.job_name, request.partition_key) == ("deliver_results", video.key)
    done = deliver(video, **dict(request.tags))
    assert done == Ran(success=True, delivered=True, told=True, approved=True)
    assert b"3 people" in results_of(tmp_path)["report.html"]
    assert core.approval_service.get(asked.id).applied_at is not None
    assert requested() == []


def test_what_was_made_again_meanwhile_is_asked_anew(
    core: JarvisCoreServices, video: Workspace, tmp_path: Path
) -> None:
    deliver(video)
    (first,) = core.approval_service.approvals()
    core.approval_service.approve(first.id)
    platform.report(video, people=4)
    assert not deliver(video).delivered  # the yes was to another report
    assert results_of(tmp_path) == {}
    second, old = core.approval_service.approvals()
    assert (old.state, old.superseded_by) == ("superseded", second.id)
    assert requested() == []
    core.approval_service.approve(second.id)
    assert deliver(video).delivered
    assert b"4 people" in results_of(tmp_path)["report.html"]
    assert deliver(video).delivered  # the same again needs no other yes
    platform.report(video, people=5)
    deliver(video)
    people = next(one for one in core.approval_service.approvals()[0].figures if "peo" in one.name)
    assert (people.before, people.after) == (4, 5)  # what a person sees: what changed


def test_killed_between_delivery_and_its_note_it_is_delivered_again_the_same(
    core: JarvisCoreServices, video: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.approval import JarvisApprovalService

    deliver(video)
    (asked,) = core.approval_service.approvals()
    core.approval_service.approve(asked.id)

    def killed(*_: object) -> None:
        raise RuntimeError("as if the process had been killed here")

    with monkeypatch.context() as patch:
        patch.setattr(JarvisApprovalService, "applied", killed)
        assert not deliver(video, **{APPROVAL_TAG: asked.id}).success
    there = results_of(tmp_path)
    assert there
    assert [one.id for one in core.approval_service.to_do(("results",))] == [asked.id]
    assert deliver(video, **{APPROVAL_TAG: asked.id}).delivered
    assert results_of(tmp_path) == there
    assert core.approval_service.to_do(("results",)) == []


def test_the_command_line_decides_and_delivers(
    core: JarvisCoreServices,
    video: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deliver(video)
    capsys.readouterr()
    code, out, _ = jarvis("approvals", "list", "--json", capsys=capsys)
    (asked,) = json.loads(out)
    assert (code, asked["state"]) == (0, "waiting")
    code, out, _ = jarvis("approvals", "show", asked["id"][:5], capsys=capsys)
    assert code == 0
    assert "Deliver the results of game.mp4" in out
    assert "shot" in out
    code, out, _ = jarvis("approvals", "approve", asked["id"], "--reason", "Good.", capsys=capsys)
    assert (code, "approved" in out) == (0, True)
    code, out, err = jarvis("approvals", "reject", asked["id"], "--reason", "No.", capsys=capsys)
    assert code == 1
    assert "approved by local:" in " ".join(err.split())
    code, out, _ = jarvis("approvals", "apply", capsys=capsys)
    assert code == 0
    assert "report.html" in results_of(tmp_path)
    _, out, _ = jarvis("approvals", "apply", capsys=capsys)
    assert "Nothing is due" in out
    _, out, _ = jarvis("approvals", "list", capsys=capsys)
    assert "Nothing waits" in out


def test_a_token_decides_with_its_rights(
    core: JarvisCoreServices,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    security = core.security_service
    for name, team in (("kim", "u18"), ("lee", "u16")):
        security.add_account(name, "user", teams=frozenset({team}), password="a long walk on ice")
        (tmp_path / name).write_text(security.create_token(name))
    asked = core.approval_service.ask("results", "game", "x", team="u18")
    words = ("approvals", "approve", asked.id, "--token-file")
    code, _, err = jarvis(*words, tmp_path / "lee", capsys=capsys)
    assert code == 2
    assert "no approval" in err
    code, _, _ = jarvis(*words, tmp_path / "kim", capsys=capsys)
    assert code == 0
    assert core.approval_service.get(asked.id).decided_by == "kim"


APPROVED = Approval("abc", "results", "game", "0" * 64, "approved")


@pytest.mark.parametrize(
    ("tried", "wanted"),
    [
        (None, [1]),
        (Tried(1, True, 0), []),
        (Tried(1, False, 1000 - 59), []),
        (Tried(1, False, 1000 - 60), [2]),
        (Tried(3, False, 1000 - 239), []),
        (Tried(3, False, 1000 - 240), [4]),
        (Tried(99, False, 1000 - 3600), [100]),
    ],
)
def test_what_failed_is_tried_again_ever_later(tried: Tried | None, wanted: list[int]) -> None:
    known = {} if tried is None else {"abc": tried}
    assert [number for _, number in due([APPROVED], known, 1000.0)] == wanted
