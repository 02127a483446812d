"""Metrics: bounded labels, events counted once, what runs and the platform say."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import signal
import ssl
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from jarvis_dagster.errors import TransientError
from jarvis_dagster.monitoring.gauges import PlatformGauges, certificate_expiry
from jarvis_dagster.resources.services import AnalyticsResource
from jarvis_dagster.sensors.run_metrics import (
    log,
    measure_platform,
    measures_of_now,
    measures_of_run,
    run_metrics,
    zeroes,
)
from jarvis_dagster.services.analytics import AnalyticsConfig, JarvisAnalyticsService
from jarvis_dagster.services.analytics.machine import Machine
from jarvis_dagster.services.notification.notice import Notice
from jarvis_dagster.settings import Settings
from tests.certificates import make_certificate
from tests.monitoring.jobs import play, process_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JarvisAnalyticsService]:
    made = JarvisAnalyticsService(AnalyticsConfig(directory=tmp_path / "m", label_values=3))
    yield made
    made.close()


def samples(service: JarvisAnalyticsService) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in service._store.collect()
        for sample in family.samples
    }


def test_labels_beyond_the_limit_are_folded_and_counted(service: JarvisAnalyticsService) -> None:
    for number in range(10):
        service.log_counter("views", labels={"video": f"v{number}", "by": "coach"})
    service.log_counter("views", labels={"video": "v1", "by": "coach"})
    service.log_counter("views", labels={"video": "v9", "by": "coach"})
    got = samples(service)
    assert got["views_total", (("by", "coach"), ("video", "v1"))] == 2
    assert got["views_total", (("by", "coach"), ("video", "other"))] == 8
    assert sum(value for (name, _), value in got.items() if name == "views_total") == 12
    assert got["jarvis_metric_labels_folded_total", (("metric", "views"),)] == 8
    assert len([1 for name, _ in got if name == "views_total"]) == 4


def test_series_are_bounded_whatever_the_labels(service: JarvisAnalyticsService) -> None:
    for a in range(4):
        for b in range(4):
            for c in range(4):
                service.log_metric("grid", 1, {"a": str(a), "b": str(b), "c": str(c)})
    assert len([1 for name, _ in samples(service) if name == "grid"]) <= 31


def test_an_event_is_counted_once(service: JarvisAnalyticsService) -> None:
    for event in ("run 1", "run 1", "run 2", None, None):
        service.log_counter("done", event_id=event)
        service.log_histogram("took", 2.0, event_id=event)
    got = samples(service)
    assert got["done_total", ()] == 4
    assert got["took_count", ()] == 4
    service.log_counter("other", event_id="run 1")  # ids are a metric's own
    assert samples(service)["other_total", ()] == 1


def test_gauges_of_what_is_gone_are_dropped(service: JarvisAnalyticsService) -> None:
    for name in ("a", "b", "c"):
        service.log_metric("age", 1, {"name": name})
    service.forget("age", [{"name": "b"}])
    service.forget("unknown", [])
    assert [labels for name, labels in samples(service) if name == "age"] == [(("name", "b"),)]
    service.log_metric("age", 1, {"name": "d"})  # its place is free again
    assert ("age", (("name", "d"),)) in samples(service)


def _count_until_killed(directory: Path, events: range, ready: Any) -> None:
    service = JarvisAnalyticsService(AnalyticsConfig(directory=directory))
    for event in events:
        service.log_counter("work", event_id=str(event))
        ready.value = event
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_is_killed_and_done_again_is_neither_lost_nor_counted_twice(
    tmp_path: Path,
) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(3):  # each tries all of it; the first two die on the way
        done = context.Value("i", -1)
        worker = context.Process(target=_count_until_killed, args=(tmp_path, range(120), done))
        worker.start()
        while worker.is_alive() and done.value < 40:
            worker.join(0.001)
        if _ < 2:
            worker.kill()  # nothing, if it was quicker
        worker.join(240)
        assert worker.exitcode == -signal.SIGKILL
    service = JarvisAnalyticsService(AnalyticsConfig(directory=tmp_path))
    assert samples(service)["work_total", ()] == 120
    service.close()


def test_a_run_says_what_it_did_once() -> None:
    with dg.instance_for_test() as instance:
        done = play(instance)
        entries = instance.all_logs(done.run_id)
        events = [
            entry.dagster_event
            for entry in entries
            if entry.dagster_event is not None
            and entry.dagster_event.event_type_value
            in {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "STEP_FAILURE"}
        ]
    said = {
        (one.name, *(value for _, value in one.labels)): one.value
        for one in measures_of_run("process_video", "SUCCESS", 40.0, events)
    }
    assert said["jarvis_runs_total", "process_video", "success"] == 1
    assert said["jarvis_run_seconds", "process_video"] == 40
    assert said["jarvis_asset_materializations_total", "footage/video"] == 1
    assert said["jarvis_asset_seconds", "spotlight/events"] == 8
    assert said["jarvis_trust_grades_total", "B", "tracks"] == 1
    assert said["jarvis_events_total", "rush"] == 14
    assert said["jarvis_asset_checks_total", "ledger_is_sound", "yes"] == 1
    assert said["jarvis_video_seconds_total",] == 60
    assert said["jarvis_analysis_speed_ratio",] == 1.5
    assert said["jarvis_frames_per_second", "spotlight/events"] == 225


@pytest.fixture
def analytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnalyticsResource:
    path = tmp_path / "jarvis-core.yaml"
    path.write_text(f"stack: {{data_dir: '{tmp_path}'}}\n")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    return AnalyticsResource()


def test_sensors_count_each_run_once(analytics: AnalyticsResource) -> None:
    success, failure, _ = run_metrics()
    resources = {"analytics": analytics, "notifications": None}  # nobody has to be told
    with dg.instance_for_test() as instance:
        ticks = {
            sensor: dg.build_sensor_context(instance, resources=resources)
            for sensor in (success, failure)
        }
        for sensor, tick in ticks.items():
            sensor(tick)  # from now on
        begun = {sensor: tick.cursor for sensor, tick in ticks.items()}
        for fails in (False, True):
            play(instance, fails=fails)
        for _ in range(2):  # a daemon that dies sees them again
            for sensor, cursor in begun.items():
                sensor(dg.build_sensor_context(instance, cursor=cursor, resources=resources))
    got = samples(analytics.service)
    job = ("dagster_job", "process_video")
    assert got["jarvis_runs_total", (job, ("status", "success"))] == 1
    assert got["jarvis_runs_total", (job, ("status", "failure"))] == 1
    assert got["jarvis_run_seconds_count", (job,)] == 2
    assert got["jarvis_asset_failures_total", (("asset", "spotlight/events"),)] == 1
    assert got["jarvis_asset_materializations_total", (("asset", "footage/video"),)] == 2


def queued(instance: dg.DagsterInstance) -> None:
    """A run that waits, as the daemon would have put it."""
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.origin import (
        DEFAULT_DAGSTER_ENTRY_POINT,
        JobPythonOrigin,
        RepositoryPythonOrigin,
    )
    from dagster._core.remote_origin import (
        RegisteredCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )

    pointer = ModuleCodePointer("tests.monitoring.jobs", "_definitions")
    code = RepositoryPythonOrigin("python", pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("jarvis"), "__repository__")
    instance.create_run_for_job(
        process_video,
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(place, "process_video"),
        job_code_origin=JobPythonOrigin("process_video", code),
    )


def ticked(instance: dg.DagsterInstance) -> None:
    """A sensor that runs and has looked once."""
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        RegisteredCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        TickData,
        TickStatus,
    )

    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("jarvis"), "__repository__")
    origin = RemoteInstigatorOrigin(place, "games_sensor")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            *(state.instigator_origin_id, "games_sensor", InstigatorType.SENSOR),
            *(TickStatus.SKIPPED, 1234.0),
            selector_id=state.selector_id,
        )
    )


def test_queues_and_ticks_are_gauges(analytics: AnalyticsResource) -> None:
    sensor = (("kind", "sensor"), ("name", "games_sensor"))
    with dg.instance_for_test() as instance:
        queued(instance)
        ticked(instance)
        later = datetime.datetime.now(datetime.UTC).timestamp() + 100
        said = {(one.name, one.labels): one.value for one in measures_of_now(instance, later)}
        assert said["jarvis_runs_now", (("status", "queued"),)] == 1
        assert said["jarvis_runs_now", (("status", "started"),)] == 0
        assert said["jarvis_run_oldest_queued_seconds", ()] == pytest.approx(100, abs=30)
        assert said["jarvis_tick_timestamp_seconds", sensor] == 1234
        assert said["jarvis_tick_failing", sensor] == 0
        context = dg.build_sensor_context(instance=instance, resources={"analytics": analytics})
        told = measure_platform(context)
    assert isinstance(told, dg.SkipReason)
    assert "1 runs wait or run" in str(told.skip_message)
    assert samples(analytics.service)["jarvis_runs_now", (("status", "queued"),)] == 1


def test_counters_are_there_before_the_first_event(service: JarvisAnalyticsService) -> None:
    log(service, zeroes(["a"], ["x/y"]))
    log(service, zeroes(["a"], ["x/y"]))
    got = samples(service)
    assert got["jarvis_runs_total", (("dagster_job", "a"), ("status", "failure"))] == 0
    assert got["jarvis_asset_failures_total", (("asset", "x/y"),)] == 0


def test_the_machine_is_measured(tmp_path: Path) -> None:
    got = {family.name: family.samples[0].value for family in Machine(tmp_path).collect()}
    for name in ("cpu_used", "memory_used", "disk_used"):
        assert 0 <= got[f"jarvis_system_{name}_ratio"] <= 1
    assert got["jarvis_system_memory_available_bytes"] > 1e6
    assert got["jarvis_system_network_received_bytes"] >= 0


def test_the_outbox_is_measured_and_what_is_away_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from jarvis_dagster.wiring import core_services

    settings = Settings.model_validate(
        {
            "stack": {"data_dir": tmp_path},
            "storage": {"endpoint": "127.0.0.1:9", "secret_key": "x", "attempts": 1},
            "notification": {
                "directory": tmp_path / "n",
                "channels": {"x": {"url": "json://127.0.0.1:9/"}},
            },
        }
    )
    with core_services(settings) as core:
        core.notification_service.notify(Notice("e", "Something.", "error"))
        now = datetime.datetime.now(datetime.UTC).timestamp() + 600
        gauges = PlatformGauges(core, settings, clock=lambda: now)
        gauges.look()
        gauges.look()
        got = samples(core.analytics_service)
    assert got["jarvis_notifications", (("state", "waiting"),)] == 1
    assert got["jarvis_notification_overdue_seconds", ()] == pytest.approx(600, abs=60)
    assert not [name for name, _ in got if name.startswith("jarvis_storage")]
    assert caplog.text.count("the object store cannot be measured") == 1  # asked again later


def test_what_waits_for_a_person_is_measured(tmp_path: Path) -> None:
    from jarvis_dagster.services.security import Principal
    from jarvis_dagster.wiring import core_services

    needed = {"required": True, "expires_hours": 4}
    settings = Settings.model_validate(
        {
            "stack": {"data_dir": tmp_path},
            "storage": {"endpoint": "127.0.0.1:9", "secret_key": "x", "attempts": 1},
            "approvals": {"results": needed, "labels": needed},
        }
    )
    at = datetime.datetime.now(datetime.UTC).timestamp()
    with core_services(settings) as core:

        def look(hours: float) -> dict[tuple[str, str], float]:
            gauges = PlatformGauges(core, settings, clock=lambda: at + 3600 * hours)
            gauges.look()
            got = samples(core.analytics_service)
            return {(name, labels[0][1]): got[name, labels] for name, labels in got if labels}

        approvals = core.approval_service
        first = approvals.ask("results", "final", {"files": 1}, by="ada")
        approvals.ask("results", "semi", {"files": 2}, by="ada")
        got = look(3)
        assert got["jarvis_approvals_waiting", "results"] == 2
        assert got["jarvis_approvals_waiting", "labels"] == 0
        assert got["jarvis_approval_oldest_seconds", "results"] == pytest.approx(3 * 3600, abs=60)
        assert got["jarvis_approval_time_used_ratio", "results"] == pytest.approx(0.75, abs=0.01)
        assert got["jarvis_approval_time_used_ratio", "deployment"] == 0
        approvals.approve(first.id, by=Principal("kim", "admin", None))
        assert look(3)["jarvis_approvals_waiting", "results"] == 1


def test_the_end_of_a_certificate_is_read(tmp_path: Path) -> None:
    import http.server
    import threading

    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=20)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path, ends=ends))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # nobody asks for a page
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        found = certificate_expiry(f"127.0.0.1:{server.server_port}")
        assert found == pytest.approx(ends.timestamp(), abs=2)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    for address in (f"127.0.0.1:{server.server_port}", "nowhere"):
        with pytest.raises(TransientError, match=r"analytics\.certificates"):
            certificate_expiry(address, timeout_s=2)
