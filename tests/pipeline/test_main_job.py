"""The main job, from the drive's Uploads to its Results, on a rendered clip."""

import dataclasses
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.rink.video import Found
from jarvis_dagster.hockey.tables import EVENTS, POSITIONS, TRACKS, read_provenance
from jarvis_dagster.hockey.video import probe
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, inbox_of
from tests.pipeline.conftest import settings_in
from tests.servers import Server

ASSETS = {
    "footage/video",
    "footage/preflight",
    "spotlight/detections",
    "spotlight/corrections",
    "spotlight/tracks",
    "spotlight/calibration",
    "spotlight/positions",
    "spotlight/identities",
    "spotlight/scoreboard",
    "spotlight/jersey_numbers",
    "spotlight/events",
    "spotlight/highlights",
    "spotlight/annotated_video",
    "holmes/game_report",
    "delivery/results",
}

NO_MODEL = {"spotlight/corrections", "spotlight/calibration"}
"""What a person says, and what comes from a file here."""


def upload(video: Path, name: str) -> Path:
    inbox = inbox_of(load_settings())
    inbox.folder("Uploads")
    target = load_settings().data_dir / "drive" / "Jarvis AI" / "Uploads" / name
    shutil.copy(video, target)
    sidecar = video.with_name("calibration.json")
    if sidecar.is_file():
        shutil.copy(sidecar, target.with_name(f"{target.stem}.calibration.json"))
    then = time.time() - 60
    os.utime(target, (then, then))
    return target


def process(
    instance: dg.DagsterInstance, *, raise_on_error: bool = True
) -> tuple[dg.RunRequest, dg.ExecuteInProcessResult]:
    """One look of the sensor, and the run that it requests."""
    defs = build_definitions()
    context = dg.build_sensor_context(instance=instance)
    looked = drive_upload_sensor(load_settings().drive)(context, uploads=UploadsResource())
    assert isinstance(looked, dg.SensorResult)
    (request,) = looked.run_requests or []
    assert request.partition_key
    instance.add_dynamic_partitions("videos", [request.partition_key])
    result = defs.resolve_job_def("process_video").execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        tags=dict(request.tags),
        raise_on_error=raise_on_error,
    )
    return request, result


@dataclasses.dataclass
class Analysed:
    """A video that was taken from Uploads, and the run that did so."""

    config: Path
    instance: dg.DagsterInstance
    uploaded: Path
    request: dg.RunRequest
    result: dg.ExecuteInProcessResult

    @property
    def results(self) -> Path:
        return self.uploaded.parents[1] / "Results" / self.uploaded.stem

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this be the installation that settings mean."""
        monkeypatch.setenv("JARVIS_CONFIG", str(self.config))
        monkeypatch.setenv("JARVIS_DATA_DIR", str(self.config.parent / "data"))


@pytest.fixture(scope="module")
def once(
    tmp_path_factory: pytest.TempPathFactory, object_store: Server, clip: Path
) -> Iterator[Analysed]:
    """One analysis for the tests that look at what it left, and what comes after it."""
    config = settings_in(tmp_path_factory.mktemp("analysed"), object_store)
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JARVIS_CONFIG", str(config))
            patch.setenv("JARVIS_DATA_DIR", str(config.parent / "data"))
            core_services(load_settings()).storage_service.ensure_buckets()
            uploaded = upload(clip, "Tigers @ Bears (1st).mp4")
            made = Analysed(config, instance, uploaded, *process(instance))
        yield made


@pytest.fixture
def analysed(once: Analysed, monkeypatch: pytest.MonkeyPatch) -> Analysed:
    once.enter(monkeypatch)
    return once


def test_a_video_goes_from_uploads_to_results(analysed: Analysed, clip: Path) -> None:
    request, result, results = analysed.request, analysed.result, analysed.results
    made = {key.to_user_string() for key in _materialised(result)}
    assert made == ASSETS
    assert _failed_checks(result) == []

    manifest = json.loads((results / "manifest.json").read_text("utf-8"))
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    assert manifest["about"]["video_sha256"] == sha256
    for entry in manifest["files"]:
        content = (results / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
    listed = {entry["file"] for entry in manifest["files"]}
    there = {str(p.relative_to(results)) for p in results.rglob("*") if p.is_file()}
    assert there == listed | {"manifest.json"}
    assert {"report.html", "report.json", "annotated.mp4", "tracks.csv"} <= listed
    assert any(name.startswith("highlights/") and name.endswith(".mp4") for name in listed)

    source, drawn = probe(clip), probe(results / "annotated.mp4")
    assert drawn.frame_count == source.frame_count
    for name, schema in (("tracks", TRACKS), ("positions", POSITIONS), ("events", EVENTS)):
        table = pd.read_parquet(results / f"{name}.parquet")
        assert list(table.columns)[: len(schema)] == list(schema)
        assert len(table) == len(pd.read_csv(results / f"{name}.csv"))
        provenance = read_provenance(results / f"{name}.parquet")
        assert provenance.video_sha256 == sha256
        assert provenance.model_version
    delivered = _metadata(result, "delivery/results")
    assert delivered["folder"].value == "Jarvis AI/Results/Tigers @ Bears (1st)"
    assert delivered["files"].value == len(listed)
    assert not (load_settings().data_dir / "work" / str(request.partition_key)).exists()


def test_every_materialisation_is_worth_browsing(analysed: Analysed) -> None:
    pictures = dg.MarkdownMetadataValue, dg.TableMetadataValue
    for asset in ASSETS:
        metadata = _metadata(analysed.result, asset)
        assert float(metadata["seconds"].value or 0) >= 0, asset
        assert any(isinstance(value, pictures) for value in metadata.values()), asset
        if asset.partition("/")[0] in {"spotlight", "holmes", "delivery"}:
            known = metadata.get("model_version")
            assert asset in NO_MODEL or (known is not None and known.value), asset


@pytest.mark.usefixtures("config")
def test_without_a_calibration_positions_are_not_supported(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = Found(None, (), 0.0, "sees nothing")
    monkeypatch.setattr("jarvis_dagster.hockey.rink.video.calibrate_video", lambda *_, **__: blind)
    alone = tmp_path / "alone.mp4"
    shutil.copy(clip, alone)
    uploaded = upload(alone, "alone.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        _, result = process(instance)
    support = _metadata(result, "spotlight/positions")["support"].value
    assert support["supported"] is False
    assert "calibration" in support["reason"]
    results = uploaded.parents[1] / "Results" / "alone"
    assert len(pd.read_parquet(results / "positions.parquet")) == 0
    assert "not supported" in (results / "report.html").read_text("utf-8").lower()


def test_a_second_run_changes_nothing_that_was_delivered(analysed: Analysed) -> None:
    before = _hashes(analysed.results)
    build_definitions().resolve_job_def("process_video").execute_in_process(
        instance=analysed.instance, partition_key=analysed.request.partition_key
    )
    after = _hashes(analysed.results)
    assert after.keys() == before.keys()
    for name in ("tracks.parquet", "positions.parquet", "events.parquet", "events.csv"):
        assert after[name] == before[name], name


@pytest.mark.usefixtures("config")
def test_a_video_that_breaks_after_the_look_is_quarantined_by_its_run(clip: Path) -> None:
    uploaded = upload(clip, "game.mp4")
    inbox = inbox_of(load_settings())
    junk = b"no video any more" * 100
    with dg.DagsterInstance.ephemeral() as instance:
        uploaded.write_bytes(junk)
        sha256 = hashlib.sha256(junk).hexdigest()
        key = f"game-{sha256[:12]}"
        instance.add_dynamic_partitions("videos", [key])
        result = (
            build_definitions()
            .resolve_job_def("process_video")
            .execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
        )
    assert not result.success
    note = uploaded.parents[1] / "Quarantine" / "game.mp4.txt"
    assert "could not be analysed" in note.read_text("utf-8")
    assert [file.name for file in inbox.listing()] == []


def test_an_asset_can_be_materialised_again_without_the_working_folder(
    analysed: Analysed,
) -> None:
    again = dg.materialize(
        list(build_definitions().assets or []),
        selection=["spotlight/tracks"],
        resources=build_definitions().resources,
        instance=analysed.instance,
        partition_key=analysed.request.partition_key,
    )
    rows = _metadata(analysed.result, "spotlight/tracks")["dagster/row_count"].value
    assert rows == _metadata(again, "spotlight/tracks")["dagster/row_count"].value
    storage = core_services(load_settings()).storage_service
    assert storage.exists(f"artifacts/{analysed.request.partition_key}/tracks/tracks.parquet")


def test_two_videos_of_one_name_have_results_of_their_own(
    analysed: Analysed, tmp_path: Path
) -> None:
    from tests.media import pan, write_video

    other = write_video(tmp_path / "other.mp4", pan(12, (320, 180)))
    analysed.uploaded.unlink()
    upload(other, analysed.uploaded.name)
    process(analysed.instance)
    sha256 = hashlib.sha256(other.read_bytes()).hexdigest()
    name = analysed.uploaded.stem
    folders = sorted(p.name for p in analysed.results.parent.iterdir())
    assert folders == [name, f"{name} ({sha256[:8]})"]


def _materialised(result: dg.ExecuteInProcessResult) -> list[dg.AssetKey]:
    return [e.asset_key for e in result.get_asset_materialization_events() if e.asset_key]


def _metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    for event in result.get_asset_materialization_events():
        if event.asset_key and event.asset_key.to_user_string() == asset:
            return dict(event.materialization.metadata)
    raise AssertionError(f"{asset} was not materialised")


def _failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    return [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }
