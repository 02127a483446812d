"""A Temporal server that is backed up at work goes on from the restored database."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from tests.backup.installation import service
from tests.servers import run_temporal

if TYPE_CHECKING:
    from pathlib import Path


def start_workflows(address: str, stop: threading.Event, acknowledged: list[str]) -> None:
    async def start() -> None:
        from temporalio.client import Client

        client = await Client.connect(address)
        while not stop.is_set():
            name = f"analysis-{len(acknowledged)}"
            await client.start_workflow("analyse", id=name, task_queue="nobody")
            acknowledged.append(name)

    asyncio.run(start())


async def known_workflows(address: str, names: list[str]) -> list[str]:
    from temporalio.client import Client

    client = await Client.connect(address)
    return [(await client.get_workflow_handle(name).describe()).id for name in names]


def test_acknowledged_workflows_are_in_the_restored_server(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    server = run_temporal(data / "temporal")
    stop, acknowledged = threading.Event(), list[str]()
    starter = threading.Thread(target=start_workflows, args=(server.address, stop, acknowledged))
    starter.start()
    try:
        while len(acknowledged) < 20:
            stop.wait(0.05)
        before = list(acknowledged)
        snapshot = service(data, tmp_path / "place").create()
    finally:
        stop.set()
        starter.join()
        server.kill()
    assert service(other, tmp_path / "place").restore(snapshot).failed == ()
    restored = run_temporal(other / "temporal")
    try:
        assert asyncio.run(known_workflows(restored.address, before)) == before
    finally:
        restored.kill()
