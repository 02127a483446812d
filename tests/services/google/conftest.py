"""A Google Drive over a local server that checks every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
from tests.fakes.google import GoogleServer
from tests.services.google.helpers import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any


@pytest.fixture
def server() -> Iterator[GoogleServer]:
    with GoogleServer() as server:
        yield server
    assert server.violations == []
    # The client library would send a longer address as a POST.
    assert max(map(len, server.faults.log), default=0) < 2048


@pytest.fixture
def waits() -> list[float]:
    """How long a drive waited between attempts."""
    return []


@pytest.fixture
def open_drive(
    server: GoogleServer, tmp_path: Path, waits: list[float]
) -> Iterator[Callable[..., GoogleDrive]]:
    """Opens a drive as a person who signed in, with more settings."""
    key = signed_in(server, tmp_path)
    opened = []

    def open_one(**settings: Any) -> GoogleDrive:
        settings = {"credentials_file": key, "chunk_kib": 256, **settings}
        config = GoogleDriveConfig(kind="google", api_endpoint=server.address, **settings)
        opened.append(GoogleDrive(config, tmp_path / "state", sleep=waits.append))
        return opened[-1]

    yield open_one
    for drive in opened:
        drive.close()


@pytest.fixture
def drive(open_drive: Callable[..., GoogleDrive]) -> GoogleDrive:
    return open_drive()
