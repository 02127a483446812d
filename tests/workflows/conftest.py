"""A workflow service of the tests' own Temporal server, with a queue to itself."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server


@pytest.fixture
def queue() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture
def service(temporal_server: Server, queue: str) -> Iterator[JarvisWorkflowService]:
    made = JarvisWorkflowService(WorkflowConfig(address=temporal_server.address, task_queue=queue))
    yield made
    made.close()


@pytest.fixture
def video() -> dict[str, Any]:
    return {"video_key": f"artifacts/{uuid.uuid4()}/clip.mp4"}
