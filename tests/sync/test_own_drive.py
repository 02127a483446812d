"""A drive that brings no more than it must is kept in step like any other."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError, NotSupportedError
from jarvis_dagster.services.client_storage import Drive, DriveFile, LocalFolderDrive, Page
from jarvis_dagster.services.client_storage.sync import Side, sync

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Progress

_NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


class Least(Drive):
    """A dictionary as a drive: only what a drive must have."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[str, str, bytes | None, int]] = {}  # parent, name, data, edit
        self._numbers = itertools.count(1)

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`."""
        found = [file for one in self.there if (file := self.stat(one))]
        inside = [file for file in found if file.parent_id == (folder_id or "")]
        return Page(tuple(found if recursive else inside), None)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        if file_id not in self.there:
            return None
        parent, name, data, edit = self.there[file_id]
        above = self.stat(parent)
        path = f"{above.path}/{name}" if above else name
        is_folder = data is None
        about = (len(data or b""), "" if is_folder else str(edit), _NOON, "")
        return DriveFile(file_id, path, *about, is_folder=is_folder, parent_id=parent)

    def _known(self, file_id: str) -> DriveFile:
        file = self.stat(file_id)
        if file is None:
            raise BadInputError(f"There is no {file_id}.")
        return file

    def _named(self, folder_id: str | None, name: str) -> str | None:
        found = (i for i, one in self.there.items() if one[:2] == (folder_id or "", name))
        return next(found, None)

    def _put(self, folder_id: str | None, name: str, data: bytes | None, file_id: str) -> DriveFile:
        number = next(self._numbers)
        self.there[file_id or f"id{number}"] = (folder_id or "", name, data, number)
        return self._known(file_id or f"id{number}")

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`."""
        file = self._known(file_id)
        path.write_bytes(self.there[file_id][2] or b"")
        return file

    def upload(
        self,
        path: Path,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        replace: DriveFile | None = None,
        exact: bool = False,
        progress: Progress | None = None,
    ) -> DriveFile:
        """See :meth:`Drive.upload`."""
        name, data = name or path.name, path.read_bytes()
        taken = self._named(folder_id, name)
        if taken is not None and self.there[taken][2] == data:
            return self._known(taken)
        if replace is not None and self.stat(replace.id) == replace:
            return self._put(*self.there[replace.id][:2], data, replace.id)
        if replace is not None or taken is not None:
            raise ConflictError(f"{name} is another file.")
        return self._put(folder_id, name, data, "")

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        there = self._named(parent_id, name)
        return self._known(there) if there else self._put(parent_id, name, None, "")

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`."""
        _, old, data, _ = self.there[file_id]
        if self._named(folder_id, name or old):
            raise ConflictError(f"{name} is taken.")
        return self._put(folder_id, name or old, data, file_id)

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`."""
        if version not in {None, self._known(file_id).version}:
            raise ConflictError(f"{file_id} has changed.")
        del self.there[file_id]


def test_what_a_drive_must_have_is_enough_to_keep_it_in_step(tmp_path: Path) -> None:
    least, local = Least(), LocalFolderDrive(tmp_path / "local")

    def run() -> str:
        report = sync(Side(least), Side(local), state=tmp_path / "state.sqlite")
        assert report.status == "ok", report
        return " ".join(sorted(report.counts))

    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    folder = least.create_folder("Games")
    made = least.upload(film, folder.id)
    (tmp_path / "local" / "notes.txt").parent.mkdir(exist_ok=True)
    (tmp_path / "local" / "notes.txt").write_text("notes")
    assert run() == "copy folder"
    assert run() == ""
    film.write_bytes(b"longer film")
    least.upload(film, folder.id, replace=made)
    (tmp_path / "local" / "notes.txt").rename(tmp_path / "local" / "Games" / "read.txt")
    assert run() == "move replace"
    assert (tmp_path / "local" / "Games" / "film.mp4").read_bytes() == b"longer film"
    assert {file.path for file in least.list_all(recursive=True)} >= {"Games/read.txt"}
    (tmp_path / "local" / "Games" / "film.mp4").unlink()
    assert run() == "delete"
    assert run() == ""


def test_what_a_drive_does_not_bring_is_made_of_the_rest_or_refused(tmp_path: Path) -> None:
    drive, note = Least(), tmp_path / "note.txt"
    note.write_bytes(b"abc")
    made = drive.upload(note, drive.create_folder("A").id)
    drive.check()
    assert drive.find("A/note.txt") == made
    assert drive.find("A/nothing") is None
    assert drive.sha256(made.id).startswith("ba7816bf")
    for ask in (drive.start_token, lambda: drive.changes("1"), drive.quota):
        with pytest.raises(NotSupportedError):
            ask()
