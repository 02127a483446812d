"""OneDrive and a folder of this machine kept in step, with hostile names and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, sync
from tests.services.drive_contract import HOSTILE_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
    from jarvis_dagster.services.client_storage.sync import SyncReport
    from tests.fakes.onedrive import OneDriveServer

__all__: list[str] = []


class Pair:
    """The two sides."""

    def __init__(self, drive: OneDrive, folder: Path) -> None:
        self.drive, self.folder = drive, folder / "local"
        self.local = LocalFolderDrive(self.folder)
        self._state = folder / "sync.sqlite"

    def sync(self) -> SyncReport:
        return sync(Side(self.local), Side(self.drive), state=self._state)

    def settle(self) -> None:
        report = self.sync()
        assert (report.status, report.failures, report.reasons) == ("ok", (), ())
        again = self.sync()
        assert (again.status, again.steps) == ("ok", ())

    def remote(self) -> dict[str, Any]:
        found = self.drive.list_all(recursive=True)
        return {
            f.path: self.drive.sha256(f.id)
            for f in found
            if not f.is_folder and "jarvis-sync" not in f.path
        }

    def here(self) -> dict[str, Any]:
        found = self.local.list_all(recursive=True)
        return {
            f.path: self.local.sha256(f.id)
            for f in found
            if not f.is_folder and "jarvis-sync" not in f.path
        }


@pytest.fixture
def pair(drive: OneDrive, tmp_path: Path) -> Pair:
    return Pair(drive, tmp_path)


def test_both_ways(server: OneDriveServer, pair: Pair) -> None:
    (pair.folder / "Games").mkdir(parents=True)
    (pair.folder / "Games" / "Größe 100%.mp4").write_bytes(b"local")
    folder = pair.drive.create_folder("Results")
    entry = server.drive.add("report #1.html", folder.id, content=b"remote")
    pair.settle()
    assert pair.remote() == pair.here()
    assert set(pair.here()) == {"Games/Größe 100%.mp4", "Results/report #1.html"}
    server.drive.write(entry, b"remote 2")
    (pair.folder / "Games" / "Größe 100%.mp4").unlink()
    pair.settle()
    assert pair.remote() == pair.here()
    assert set(pair.here()) == {"Results/report #1.html"}
    (pair.folder / "Results" / "report #1.html").write_bytes(b"mine")
    server.drive.write(entry, b"theirs")
    pair.settle()
    assert pair.remote() == pair.here()
    assert len(pair.here()) == 2


def test_hostile_names(pair: Pair) -> None:
    pair.folder.mkdir()
    names = [*HOSTILE_NAMES, "trailing~x", "a.", "#%41.txt"]
    for number, name in enumerate(names):
        plain = "".join("_" if c in "/\0" else c for c in name)[:80]
        if plain not in (".", ".."):
            (pair.folder / plain).write_bytes(str(number).encode())
    pair.settle()
    assert sorted(pair.here().values()) == sorted(pair.remote().values())


def test_names_that_onedrive_does_not_take(pair: Pair) -> None:
    pair.folder.mkdir()
    for name in ("a_vti_b.txt", "COM0.txt", "clip.mp4"):
        (pair.folder / name).write_bytes(name.encode())
    pair.settle()
    assert set(pair.remote()) == {"clip.mp4", "COM0 (30d2).txt", "a-vti-b (d13aca20).txt"}
    (pair.folder / "COM0.txt").write_bytes(b"edited")
    (pair.folder / "a_vti_b.txt").unlink()
    pair.settle()
    assert sorted(pair.remote().values()) == sorted(pair.here().values())
    assert len(pair.here()) == 2


def test_names_that_differ_in_case(pair: Pair) -> None:
    pair.folder.mkdir()
    (pair.folder / "clip.mp4").write_bytes(b"one")
    (pair.folder / "Clip.MP4").write_bytes(b"two")
    pair.settle()
    (pair.folder / "clip.mp4").write_bytes(b"three")
    (pair.folder / "Clip.MP4").unlink()
    pair.settle()
    assert list(pair.here().values()) == list(pair.remote().values())
    assert pair.here().keys() == {"clip.mp4"}


@pytest.mark.parametrize("done", [False, True])
def test_a_fault_at_every_request(server: OneDriveServer, pair: Pair, done: bool) -> None:
    pair.settle()
    for position in range(0, 60, 3):
        (pair.folder / f"{position}.mp4").write_bytes(b"x" * position)
        if position >= 6:
            (pair.folder / f"{position - 3}.mp4").write_bytes(b"changed")
            (pair.folder / f"{position - 6}.mp4").unlink()
        server.faults.add("drop", skip=position, done=done)
        report = pair.sync()
        server.faults.clear()
        assert report.failures == ()
    pair.settle()
    assert pair.remote() == pair.here()
