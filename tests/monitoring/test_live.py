"""Every query of dashboards and alerts, asked of a real Prometheus that real exporters feed."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from jarvis_dagster.monitoring.watching import Watch
from jarvis_dagster.sensors.run_metrics import log, measures_of_now, measures_of_run
from jarvis_dagster.services.analytics.dashboards import own_dashboards
from jarvis_dagster.services.analytics.endpoint import serve_metrics
from jarvis_dagster.services.health import HealthMonitor
from jarvis_dagster.settings import Settings
from jarvis_dagster.wiring import core_services, with_embedded
from tests.deploy.project import ROOT
from tests.monitoring.jobs import play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client import Metric

    from jarvis_dagster.services.core import JarvisCoreServices
    from tests.servers import Server

RULES = ROOT / "deploy/prometheus/rules/jarvis.yml"
# Metrics of what need not exist: no backup place, no TLS page, nothing folded.
_MAY_BE_MISSING = {
    "jarvis_backup_timestamp_seconds",
    "jarvis_certificate_expiry_timestamp_seconds",
    "jarvis_metric_labels_folded_total",
}
_KINDS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
}


def get(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:  # a query that is wrong says why in its body
        return json.load(error)


class Asked:
    """A Prometheus that has scraped everything at least twice."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, expression: str) -> list[dict[str, Any]]:
        quoted = urllib.parse.quote(expression)
        answer = get(f"{self._url}/api/v1/query?query={quoted}")
        assert answer["status"] == "success", (expression, answer)
        return list(answer["data"]["result"])

    def patiently(self, expression: str, limit_s: float = 30) -> list[dict[str, Any]]:
        """The answer, the first that is not empty: on a busy machine a scrape may be late."""
        deadline = time.monotonic() + limit_s
        while not (found := self(expression)) and time.monotonic() < deadline:
            time.sleep(0.3)
        return found

    def wait(self, expression: str, limit_s: float = 150) -> None:
        deadline = time.monotonic() + limit_s
        while not self(expression):
            assert time.monotonic() < deadline, f"{expression} never became true"
            time.sleep(0.3)


def run_dagster(core: JarvisCoreServices) -> None:
    """A good run and a bad one, told as the sensors tell it."""
    with dg.instance_for_test() as instance:
        for job, fails in (
            ("process_video", False),
            ("process_video", True),
            ("decide_promotion", False),
        ):
            done = play(instance, job, fails=fails)
            entries = instance.all_logs(done.run_id, of_type=_KINDS)
            events = [one.dagster_event for one in entries if one.dagster_event is not None]
            status = "FAILURE" if fails else "SUCCESS"
            log(core.analytics_service, measures_of_run(job, status, 40.0, events), done.run_id)
        log(core.analytics_service, measures_of_now(instance, time.time()))


async def run_workflows(address: str, core: JarvisCoreServices) -> None:
    """One of each end; one goes on."""
    from temporalio.client import Client, WorkflowFailureError
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    from jarvis_dagster.workflows.watch import LONGEST_RUNNING, watch_running
    from tests.monitoring.flows import ACTIVITIES, WORKFLOWS

    client = await Client.connect(address)
    queue = f"monitoring-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=ACTIVITIES,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for name in ("ends-well", "ends-badly"):
            handle = await client.start_workflow(name, id=f"{queue}-{name}", task_queue=queue)
            try:
                await handle.result()
            except WorkflowFailureError:
                assert name == "ends-badly"
        lasting = await client.start_workflow("does-not-end", id=queue, task_queue=queue)
        stop = asyncio.Event()
        watching = asyncio.create_task(
            watch_running(client, queue, core.analytics_service, stop, every_s=0.2)
        )
        async with asyncio.timeout(240):  # Temporal's list is a little behind
            while LONGEST_RUNNING not in {one.name for one in _kept(core)}:
                await asyncio.sleep(0.05)
        stop.set()
        await watching
        await lasting.terminate()


def _kept(core: JarvisCoreServices) -> list[Metric]:
    """What was logged, as it is served."""
    return list(core.analytics_service._store.collect())


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory,
    prometheus: Server,
    alertmanager: Server,
    temporal_server: Server,
    object_store: Server,
) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("live")
    settings = with_embedded(_settings(folder, object_store))
    assert settings.analytics is not None
    with core_services(settings) as core:
        core.storage_service.ensure_buckets()
        run_dagster(core)
        asyncio.run(run_workflows(temporal_server.address, core))
        core.analytics_service.log_counter("jarvis_videos_delivered", component="delivery")
        core.analytics_service.log_metric(
            "jarvis_label_agreement", 0.93, {"figure": "agreement"}, component="toolchain"
        )
        log(core.analytics_service, _ticks())
        watch = Watch(core, settings)
        probes = {"storage": core.storage_service.check, "analytics": core.analytics_service.check}
        watch.monitor = HealthMonitor(probes, settings.health)
        watch._tell(watch.monitor.look())
        with serve_metrics(settings.analytics, "127.0.0.1", 0) as port:
            targets = {
                "jarvis": f"127.0.0.1:{port}",
                "temporal": f"127.0.0.1:{_metrics_port(temporal_server)}",
                "prometheus": prometheus.address,
                "alertmanager": alertmanager.address,
            }
            (prometheus.folder / "targets").mkdir(exist_ok=True)
            (prometheus.folder / "targets/live.json").write_text(
                json.dumps(
                    [
                        {"targets": [address], "labels": {"job": job}}
                        for job, address in targets.items()
                    ]
                )
            )
            ask = Asked(prometheus.url)
            ask.wait(f"count(max_over_time(up[10m]) == 1) >= {len(targets)}")
            for name in ("jarvis_run_seconds_count", "workflow_failed", "activity_success"):
                ask.wait(f"min(count_over_time({name}[10m])) >= 3")  # a rate needs two
            yield ask
    (prometheus.folder / "targets/live.json").unlink()


def _settings(folder: Path, store: Server) -> Settings:
    names = ("artifacts", "models", "datasets", "logs")
    return Settings.model_validate(
        {
            "stack": {"data_dir": folder},
            "storage": {
                "endpoint": store.address,
                "access_key": store.access_key,
                "secret_key": store.secret_key,
                **{f"{name}_bucket": f"live-{name}" for name in names},
            },
        }
    )


def _metrics_port(server: Server) -> str:
    return server.command[server.command.index("--metrics-port") + 1]


def _ticks() -> list[Any]:
    """As a daemon that runs has them: none runs here."""
    from jarvis_dagster.sensors.run_metrics import Measure

    labels = (("kind", "sensor"), ("name", "measure_platform"))
    return [
        Measure("gauge", "jarvis_tick_timestamp_seconds", time.time(), labels),
        Measure("gauge", "jarvis_tick_failing", 0.0, labels),
    ]


@pytest.mark.parametrize("name", sorted(own_dashboards()))
def test_every_query_of_a_dashboard_has_an_answer(asked: Asked, name: str) -> None:
    silent = [
        f"{panel.title}: {query.expr}"
        for panel in own_dashboards()[name].panels
        for query in panel.asked
        if not asked.patiently(query.expr)
    ]
    assert silent == []


def test_legends_name_labels_that_are_there(asked: Asked) -> None:
    wrong = []
    for dashboard in own_dashboards().values():
        for panel in dashboard.panels:
            for query in panel.asked:
                (first, *_) = asked.patiently(query.expr) or pytest.fail(f"{panel.title} is silent")
                labels = set(first["metric"])
                named = set(re.findall(r"{{(\w+)}}", query.legend))
                wrong += [] if named <= labels else [(panel.title, named, labels)]
    assert wrong == []


def test_what_alerts_ask_for_is_measured(asked: Asked) -> None:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    names = {
        name
        for rule in rules
        for name in re.findall(r"\b(?:up|jarvis_\w+|workflow_\w+|activity_\w+)\b", rule["expr"])
    }
    assert len(names) > 15
    assert {name for name in names if not asked.patiently(name, 3)} <= _MAY_BE_MISSING
    firing = [rule["alert"] for rule in rules if asked(rule["expr"])]
    # A run of two failed and a workflow of two, as it was made; the machine may be busy.
    assert not set(firing) & {"CoreServiceDown", "MessagesStuck", "DiskFills"}
