"""Google Drive and a folder of this machine kept in step, with what only Google has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, SyncReport, sync

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer


class Pair:
    """The two sides."""

    def __init__(self, drive: GoogleDrive, folder: Path) -> None:
        self.drive, self.folder = drive, folder / "local"
        self.folder.mkdir()
        self.state = folder / "sync.sqlite"

    def sync(self) -> SyncReport:
        here = LocalFolderDrive(self.folder)
        return sync(Side(here), Side(self.drive), state=self.state)

    def settle(self) -> SyncReport:
        report = self.sync()
        assert (report.status, report.failures, report.reasons) == ("ok", (), ())
        again = self.sync()
        assert (again.status, again.steps) == ("ok", ())
        return report

    def here(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and ".jarvis" not in path.parts and "jarvis-sync" not in path.name
        }


@pytest.fixture
def pair(drive: GoogleDrive, tmp_path: Path) -> Pair:
    return Pair(drive, tmp_path)


def test_both_ways(server: GoogleServer, pair: Pair) -> None:
    (pair.folder / "Games").mkdir()
    (pair.folder / "Games/Größe.mp4").write_bytes(b"local")
    server.world.add_file("report.html", b"remote", server.world.add_folder("Results"))
    pair.settle()
    assert pair.here() == {"Games/Größe.mp4": b"local", "Results/report.html": b"remote"}
    found = pair.drive.find("Games/Größe.mp4")
    assert found is not None
    (pair.folder / "Results/report.html").write_bytes(b"edited")
    pair.drive.trash(found.id)
    pair.settle()
    assert pair.here() == {"Results/report.html": b"edited"}
    (pair.folder / "Results").rename(pair.folder / "Renamed")
    assert {step.kind for step in pair.settle().steps} == {"folder", "move", "remove"}
    found = pair.drive.find("Renamed/report.html")
    assert found is not None
    assert pair.drive.find("Results") is None


def test_two_files_of_one_name_are_kept(server: GoogleServer, pair: Pair) -> None:
    server.world.add_file("twin.txt", b"first")
    server.world.add_file("twin.txt", b"second")
    pair.settle()
    files = pair.here()
    assert sorted(files.values()) == [b"first", b"second"]
    assert "twin.txt" in files
    (pair.folder / "twin.txt").unlink()
    pair.settle()
    assert len(list(pair.drive.list_all())) == 2  # with the marker


def test_a_conflict_keeps_both(server: GoogleServer, pair: Pair) -> None:
    (pair.folder / "plan.txt").write_bytes(b"here")
    server.world.add_file("plan.txt", b"there")
    (conflict,) = pair.settle().conflicts
    assert pair.here() == {"plan.txt": b"here", conflict[1]: b"there"}


def test_documents_of_google_are_left_where_they_are(server: GoogleServer, pair: Pair) -> None:
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    server.world.add_document("Plan", "document", {office: b"words"})
    server.world.add_file("clip.mp4", b"clip")
    report = pair.settle()
    assert report.left_out == ("Plan.docx",)
    assert pair.here() == {"clip.mp4": b"clip"}
    assert len(list(pair.drive.list_all())) == 3  # with the marker
