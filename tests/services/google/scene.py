"""One of everything that can be done with a Google Drive.

Belongs here: the calls, each with what must be true afterwards. Does not
belong here: what goes wrong meanwhile.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

__all__ = ["CALLS", "Scene"]

CONTENT = b"frames" * 100_000  # three pieces of 256 KiB


class Scene:
    """A drive with a folder and a file, and what can be done with them."""

    def __init__(self, server: GoogleServer, drive: GoogleDrive, tmp_path: Path) -> None:
        self.server, self.drive, self.path = server, drive, tmp_path / "clip.mp4"
        self.path.write_bytes(CONTENT)
        self.folder = server.world.add_folder("Team")
        self.file = server.world.add_file("old.mp4", b"old" * 200_000, self.folder)
        self.token = drive.start_token()
        server.world.add_file("new.mp4", b"new", self.folder)
        drive._ids.take()
        self.known = set(server.world.files)

    def new_files(self) -> list[str]:
        """The names of what there is now and was not."""
        files = self.server.world.files
        return [
            files[key].name for key in files if key not in self.known and not files[key].trashed
        ]

    def upload(self) -> None:
        file = self.drive.upload(self.path, self.folder)
        assert self.server.world.files[file.id].content == CONTENT
        assert self.new_files() == ["clip.mp4"]

    def replace(self) -> None:
        before = self.drive.stat(self.file)
        file = self.drive.upload(self.path, self.folder, "old.mp4", replace=before)
        assert self.server.world.files[self.file].content == CONTENT
        assert (file.id, self.new_files()) == (self.file, [])

    def download(self) -> None:
        target = self.path.with_name("back.mp4")
        self.drive.download(self.file, target)
        assert target.read_bytes() == b"old" * 200_000
        assert sorted(p.name for p in target.parent.glob("*.mp4*")) == ["back.mp4", "clip.mp4"]

    def list(self) -> None:
        self.server.files.page_size = 1
        paths = [file.path for file in self.drive.list_all(recursive=True)]
        assert sorted(paths) == ["Team", "Team/new.mp4", "Team/old.mp4"]

    def changes(self) -> None:
        page = self.drive.changes(self.token)
        assert [file.path for file in page.files] == ["Team/new.mp4"]

    def create_folder(self) -> None:
        self.drive.create_folder("Results", self.folder)
        assert self.new_files() == ["Results"]

    def move(self) -> None:
        assert self.drive.move(self.file, None, "moved.mp4").path == "moved.mp4"
        assert self.server.world.files[self.file].name == "moved.mp4"

    def trash(self) -> None:
        self.drive.trash(self.file)
        assert self.server.world.files[self.file].trashed

    def share(self) -> None:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
        (given,) = self.drive.share(self.file, ["coach@example.org"], expires=end)
        assert given.who == "coach@example.org"
        assert len(self.server.world.files[self.file].permissions) == 2

    def unshare(self) -> None:
        permission = self.server.world.grant(
            self.server.world.files[self.file], "user", "reader", "coach@example.org"
        )
        self.drive.unshare(self.file, permission["id"])
        assert len(self.server.world.files[self.file].permissions) == 1

    def search(self) -> None:
        assert [file.path for file in self.drive.search("old")] == ["Team/old.mp4"]

    def quota(self) -> None:
        assert self.drive.quota().used == self.server.world.used()


CALLS = [name for name in vars(Scene) if not name.startswith("_") and name != "new_files"]
