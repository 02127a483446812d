"""The search over OneDrive, of a person and of an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.search.following import follow
from tests.services.onedrive.conftest import (
    certificate,
    config,
    drive,
    kind,
    server,
    state_dir,
    waits,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
    from jarvis_dagster.services.client_storage.search import SearchIndex

__all__ = ["certificate", "config", "drive", "kind", "server", "state_dir", "waits"]


def test_the_index_follows(index: SearchIndex, drive: OneDrive, tmp_path: Path) -> None:
    follow(index, drive, tmp_path)
