"""The search over iCloud Drive, which tells nobody's permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.search.following import follow
from tests.services.icloud.conftest import (
    again,
    behaviour,
    certificate,
    config,
    drive,
    no_key_ring,
    server,
    signed_in,
    state_dir,
    trusted,
    waits,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from jarvis_dagster.services.client_storage.search import SearchIndex

__all__ = [
    "again",
    "behaviour",
    "certificate",
    "config",
    "drive",
    "no_key_ring",
    "server",
    "signed_in",
    "state_dir",
    "trusted",
    "waits",
]


def test_the_index_follows(index: SearchIndex, drive: ICloudDrive, tmp_path: Path) -> None:
    follow(index, drive, tmp_path)
