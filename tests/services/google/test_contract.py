"""GoogleDrive keeps the promises of all drives: My Drive, a folder of it, a shared drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services.drive_contract import DriveContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer


class TestMyDrive(DriveContract):
    """All of My Drive."""


class OfAnyRoot(DriveContract):
    """The contract without the names, which are the same wherever they are."""

    test_hostile_names_stay_inside_and_are_seen = None  # type: ignore[assignment]
    test_hostile_folder_names_stay_inside = None  # type: ignore[assignment]


class TestFolder(OfAnyRoot):
    """A folder, with files beside it that are not to be seen."""

    @pytest.fixture
    def drive(self, server: GoogleServer, open_drive: Callable[..., GoogleDrive]) -> GoogleDrive:
        server.world.add_file("outside.mp4", b"outside")
        return open_drive(root_folder_id=server.world.add_folder("Team"))


class TestSharedDrive(OfAnyRoot):
    """A shared drive."""

    @pytest.fixture
    def drive(self, server: GoogleServer, open_drive: Callable[..., GoogleDrive]) -> GoogleDrive:
        server.world.add_file("outside.mp4", b"outside")
        return open_drive(drive_id=server.world.add_drive("Club"))
