"""The search over Google Drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.search.following import follow
from tests.services.google.conftest import drive, open_drive, server, waits

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from jarvis_dagster.services.client_storage.search import SearchIndex

__all__ = ["drive", "open_drive", "server", "waits"]


def test_the_index_follows(index: SearchIndex, drive: GoogleDrive, tmp_path: Path) -> None:
    follow(index, drive, tmp_path)
