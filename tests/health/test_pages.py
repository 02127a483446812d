"""Prometheus and load balancers ask one process; people are told by it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import tenacity
import yaml

from jarvis_dagster.monitoring.pages import serve
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.notification.receivers import Hook, hook
from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def web() -> Iterator[Hook]:
    with hook() as told:
        yield told


def settings(folder: Path, web: Hook, store: str, key: str) -> Any:
    alone = free_ports(1)[0]  # where nobody answers
    file = folder / "jarvis-core.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "stack": {"data_dir": str(folder / "data")},
                "health": {"interval_s": 0.2, "timeout_s": 20, "tries": 2},
                "storage": {
                    "endpoint": store,
                    "access_key": "jarvis",
                    "secret_key": key,
                    "secure": False,
                    "attempts": 1,
                },
                "workflow": {"address": f"127.0.0.1:{alone}", "attempts": 1},
                "experiment": {"tracking_uri": f"http://127.0.0.1:{alone}", "attempts": 1},
                "notification": {"channels": {"web": {"url": f"json://127.0.0.1:{web.port}/told"}}},
            }
        )
    )
    return load_settings(file)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_one_process_answers_prometheus_and_load_balancers_and_tells_people(
    tmp_path: Path, web: Hook, object_store: Server
) -> None:
    asked = settings(tmp_path, web, object_store.address, object_store.secret_key)
    with core_services(asked) as core:
        core.storage_service.ensure_buckets()
    with serve(asked, "127.0.0.1", 0) as port:
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_delay(120), wait=tenacity.wait_fixed(0.2), reraise=True
        ):
            with attempt:
                assert len(web.posts) >= 2
        assert get(port, "/livez")[0] == 200
        status, body = get(port, "/readyz")
        assert status == 503
        down = {row["service"] for row in json.loads(body)["services"] if not row["healthy"]}
        assert down == {"workflow", "experiment"}
        metrics = get(port, "/metrics")[1]
        assert 'jarvis_service_healthy{service="storage"} 1.0' in metrics
        assert 'jarvis_service_healthy{service="workflow"} 0.0' in metrics
        assert get(port, "/../etc/passwd")[0] == 404
    told = {post["title"] for post in web.posts}
    assert told == {
        "Jarvis critical: The service workflow does not answer.",
        "Jarvis critical: The service experiment does not answer.",
    }
    assert any("workflows and approvals" in post["message"] for post in web.posts)
