"""Assets act as the component that they are of, with its rights alone."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from jarvis_dagster.components import TSAIComponent
from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConfigError, JarvisError
from jarvis_dagster.resources.services import StorageResource
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import StackConfig, write_dagster_home
from jarvis_dagster.wiring import core_services, inbox_of
from tests.security.conftest import CHANNEL

if TYPE_CHECKING:
    from tests.servers import Server


def run(*made: dg.AssetsDefinition | dg.AssetChecksDefinition) -> dg.ExecuteInProcessResult:
    """Run assets and checks; what they raise is raised here."""
    return dg.materialize(list(made), resources={"storage": StorageResource()})


def noted() -> list[tuple[str, str, bool]]:
    """Who did what, and whether it was allowed."""
    with core_services(load_settings()) as core:
        entries = list(core.security_service.audit.entries())
    return [(entry["by"], entry["action"], entry["allowed"]) for entry in entries]


@pytest.mark.usefixtures("planted")
def test_an_asset_has_the_rights_of_its_component_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    @dg.asset(owners=["team:spotlight"])
    def of_spotlight(storage: StorageResource) -> None:
        storage.service.put_file("artifacts/tests/components.txt", tmp_path / "a.txt")
        with pytest.raises(AccessDeniedError, match=r"spotlight .* may not write models"):
            storage.service.store_model(tmp_path / "a.txt", {}, "spotlight")
        for inner in ("raw", "objects", "catalogue", "config", "ensure_buckets"):
            with pytest.raises(AccessDeniedError):
                getattr(storage.service, inner)()

    @dg.asset_check(asset=of_spotlight)
    def looks(storage: StorageResource) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            passed=storage.service.exists("artifacts/tests/components.txt")
            and storage.service._principal.name == "spotlight"
        )

    result = run(of_spotlight, looks)
    assert all(one.passed for one in result.get_asset_check_evaluations())
    said = noted()
    assert ("spotlight", "storage.put_file", True) in said
    assert ("spotlight", "storage.store_model", False) in said
    assert ("spotlight", "storage.raw", False) in said


@pytest.mark.usefixtures("planted")
def test_an_asset_of_no_component_may_do_nothing(tmp_path: Path) -> None:
    @dg.asset
    def of_nobody(storage: StorageResource) -> None:
        storage.service.exists("artifacts/tests/components.txt")

    with pytest.raises(ConfigError, match="of_nobody belongs to no component"):
        run(of_nobody)

    @dg.asset(owners=["team:strangers"])
    def of_strangers(storage: StorageResource) -> None:
        storage.service.exists("artifacts/tests/components.txt")

    with pytest.raises(BadInputError, match="strangers"):
        run(of_strangers)


@pytest.mark.usefixtures("planted")
def test_outside_of_assets_it_is_whoever_runs_jarvis() -> None:
    resource = StorageResource()
    assert resource.core is resource.platform


@pytest.mark.usefixtures("planted")
def test_a_component_of_the_platform_has_its_own_rights_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with core_services(load_settings()) as core:
        holmes = TSAIComponent("holmes", core)
        made = holmes.store_artifact(tmp_path / "a.txt", {"n": 1})
        assert holmes.retrieve_artifact(made, tmp_path / "back")
        with pytest.raises(AccessDeniedError, match="may not write workflows"):
            holmes.start_workflow("computer-vision", {})
        with pytest.raises(BadInputError, match="mycroft"):
            TSAIComponent("mycroft", core)
        kim = core.acting_as(core.security_service.principal_of("kim"))
        with pytest.raises(AccessDeniedError, match="kim"):  # nobody gets rights by a component
            TSAIComponent("holmes", kim).store_artifact(tmp_path / "a.txt")


def test_every_asset_is_of_a_component() -> None:
    from jarvis_dagster.definitions import defs
    from jarvis_dagster.resources.acting import component_of

    graph = defs.resolve_asset_graph()
    made = {key: graph.get(key) for key in graph.materializable_asset_keys}
    assert {component_of(key, node.owners) for key, node in made.items()} <= {
        *("spotlight", "toolchain", "autopilot", "holmes", "watson", "sherlock")
    }


def leaks(planted: dict[str, str], folder: Path, *texts: str) -> list[str]:
    """Which secrets are in which files below a folder, the settings themselves excepted."""
    kept = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    kept |= {f"text {number}": text.encode() for number, text in enumerate(texts)}
    return [
        f"{name} in {place}"
        for place, content in kept.items()
        for name, secret in planted.items()
        if secret.encode() in content and not place.endswith("jarvis-core.yaml")
    ]


def correct(path: Path, instance: dg.DagsterInstance) -> None:
    """Say that a shot was missed, and have it applied as the sensor asks."""
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.sensors.corrections import corrections_sensor

    path.write_text("corrections:\n- missed: shot\n  at: 0:00.5\n  team: A\n")
    then = time.time() - 60
    os.utime(path, (then, then))
    defs = build_definitions()
    context = dg.build_sensor_context(instance, repository_def=defs.get_repository_def())
    looked = corrections_sensor(load_settings().drive)(context, uploads=UploadsResource())
    assert isinstance(looked, dg.SensorResult)
    (request,) = looked.run_requests or []
    done = defs.resolve_job_def("apply_corrections").execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        asset_selection=list(request.asset_selection or []),
        run_config=request.run_config,
        tags=dict(request.tags),
    )
    assert done.success
    report = json.loads(path.with_name("report.json").read_text("utf-8"))
    assert [said["applied"] for said in report["corrected"]["said"]] == [True]


def challenge(path: Path) -> None:
    """Register a detector that is to become the champion: other bytes, the same network."""
    onnx = pytest.importorskip("onnx")
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS

    model = onnx.load(str(PACKAGED_WEIGHTS))
    model.doc_string = "The challenger."
    onnx.save(model, str(path))
    name = load_settings().promotion.model
    with core_services(load_settings()) as core:
        registry = core.experiment_service
        with registry.run("made", {}, name="challenger") as log:
            version = registry.log_model(path, name, {}, log.run_id)
        registry.move_alias(name, "challenger", version, by="test", why="A test.")


@pytest.mark.timeout(600)
def test_a_video_is_analysed_with_the_rights_of_the_components_alone(
    tmp_path: Path,
    planted: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The whole job, Uploads to Results: nothing is refused, and no secret is seen anywhere."""
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game
    from jarvis_dagster.sensors.drive_upload import drive_upload_sensor

    caplog.set_level(logging.DEBUG)
    spec = GameSpec(seed=3, duration_s=1.0, width_px=640, height_px=360, fps=15)
    film = render_game(tmp_path / "film", spec).video
    inbox_of(load_settings()).folder("Uploads")
    uploads = load_settings().data_dir / "drive" / "Jarvis AI" / "Uploads"
    shutil.copy(film, uploads / "Game.mp4")
    shutil.copy(film.with_name("calibration.json"), uploads / "Game.calibration.json")
    then = time.time() - 60
    os.utime(uploads / "Game.mp4", (then, then))
    write_dagster_home(StackConfig(data_dir=tmp_path))
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        context = dg.build_sensor_context(instance=instance)
        sensor = drive_upload_sensor(load_settings().drive)
        looked = sensor(context, uploads=UploadsResource())
        assert isinstance(looked, dg.SensorResult)
        (request,) = looked.run_requests or []
        assert request.partition_key
        instance.add_dynamic_partitions("videos", [request.partition_key])
        job = build_definitions().resolve_job_def("process_video")
        result = job.execute_in_process(
            instance=instance, partition_key=request.partition_key, tags=dict(request.tags)
        )
        assert result.success
        correct(uploads.parent / "Results" / "Game" / "corrections.yaml", instance)
        challenge(tmp_path / "challenger.onnx")
        for name in ("deliver_results", "list_games", "report_autopilot", "shadow_video"):
            job = build_definitions().resolve_job_def(name)
            key = request.partition_key if job.partitions_def else None
            assert job.execute_in_process(instance=instance, partition_key=key).success
    said = noted()
    assert [entry for entry in said if not entry[2]] == []
    assert {by for by, _, _ in said} >= {"spotlight", "holmes", "autopilot"}
    assert ("holmes", "client_storage.export_results", True) in said
    assert ("toolchain", "experiment.fetch_model", True) in said  # of the shadow
    assert (tmp_path / "dagster").is_dir()
    assert leaks(planted, tmp_path, caplog.text, *capfd.readouterr()) == []


def test_no_secret_is_in_what_fails(
    tmp_path: Path,
    planted: dict[str, str],
    object_store: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A refused key, an address where nobody is, settings that cannot be read: all are told."""
    caplog.set_level(logging.DEBUG)
    path = Path(os.environ["JARVIS_CONFIG"])
    text = path.read_text()

    @dg.asset(owners=["team:spotlight"])
    def made(storage: StorageResource) -> None:
        storage.service.put_file("artifacts/tests/components.txt", path)

    told: list[str] = []
    wrong = {
        "a wrong key": text.replace(planted["S3 secret key"], f"{CHANNEL}-wrong"),
        "nobody there": text.replace(object_store.address, "127.0.0.1:9").replace(
            "  encryption", "  attempts: 1\n  encryption"
        ),
        "no YAML": text.replace("  secret_key: '", "  secret_key: ' '"),
        "a key that is not known": text.replace("  secret_key:", "  secrets_key:"),
    }
    write_dagster_home(StackConfig(data_dir=tmp_path))
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        for what, content in wrong.items():
            path.write_text(content)
            with pytest.raises(JarvisError) as failure:
                dg.materialize([made], instance=instance, resources={"storage": StorageResource()})
            told.append("".join(traceback.format_exception(failure.value)))
            assert failure.value.remedy or failure.value.what, what
    path.write_text(text)
    with core_services(load_settings()) as core:
        experiments = core.experiment_service
        run = experiments.start_experiment("planted", {"epochs": 3}, "toolchain")
        experiments.end_experiment(run, "FINISHED")
        for wrong_token in (planted["API token"] + "x", planted["account password"]):
            with pytest.raises(AccessDeniedError) as refused:
                core.security_service.authenticate(wrong_token)
            told.append("".join(traceback.format_exception(refused.value)))
        told.append(repr(core.storage_service.config) + repr(load_settings()))
    assert (tmp_path / "mlflow.sqlite3").is_file()
    assert leaks(planted, tmp_path, caplog.text, *told, *capfd.readouterr()) == []
