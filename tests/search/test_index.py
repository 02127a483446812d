"""The index survives damage and death, and has one writer."""

from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.search import SearchIndex, index_drive
from tests.search import documents
from tests.search.inside import assert_sound, content_of, paths
from tests.search.shared_drive import SharedDrive


def test_only_this_user_can_read_the_index(index: SearchIndex) -> None:
    index_drive(index, "cloud", SharedDrive())
    folder = index.scratch.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_second_writer_is_refused_and_readers_are_not(index: SearchIndex) -> None:
    drive = SharedDrive()
    drive.add("a.mp4", b"x")
    index_drive(index, "cloud", drive)
    with index.writing():
        with pytest.raises(ConflictError, match="already"):
            index_drive(SearchIndex(index.scratch.parent), "cloud", drive)
        assert paths(index, "a") == {"a.mp4"}


def test_without_an_index_the_remedy_is_told(index: SearchIndex) -> None:
    with pytest.raises(PermanentError, match="jarvis drive index"):
        index.search("a")


@pytest.mark.parametrize("damage", ["overwritten", "noise inside", "cut", "empty", "other version"])
@pytest.mark.usefixtures("quick")
def test_a_damaged_index_is_built_again_and_said(
    index: SearchIndex, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    drive = SharedDrive()
    for number in range(50):
        drive.add(f"{number}.txt", f"zone number{number} ".encode() * 200)
    index_drive(index, "cloud", drive)
    index.search("zone")
    index.close()
    wanted = content_of(index)
    file = next(index.scratch.parent.glob("index-*.db"))
    size = file.stat().st_size
    with file.open("r+b") as stream:
        if damage == "overwritten":
            stream.write(b"no database at all" * 100)
        elif damage == "noise inside":
            stream.seek(4096)
            stream.write(random.Random(1).randbytes(size - 8192))
        elif damage == "cut":
            stream.truncate(size // 2)
        elif damage == "empty":
            stream.truncate(0)
        else:
            stream.seek(60)
            stream.write((77).to_bytes(4, "big"))
    with pytest.raises(PermanentError, match="jarvis drive index"):
        [index.search(f"zone number{number}") for number in range(50)]
    with caplog.at_level(logging.WARNING):
        report = index_drive(index, "cloud", drive, verify=True)
    assert report.full
    assert "built again" in caplog.text
    assert content_of(index) == wanted
    assert len(paths(index, "zone")) == 50
    assert_sound(index)
    assert len(list(index.scratch.parent.glob("index-*"))) == 3  # the file, its log, its memory


@pytest.mark.usefixtures("quick")
def test_damage_that_shows_while_writing_is_repaired_in_the_same_run(index: SearchIndex) -> None:
    drive = SharedDrive()
    for number in range(50):
        drive.add(f"{number}.txt", f"zone number{number} ".encode() * 200)
    index_drive(index, "cloud", drive)
    index.close()
    file = next(index.scratch.parent.glob("index-*.db"))
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(random.Random(1).randbytes(file.stat().st_size - 4096))
    assert index_drive(index, "cloud", drive).full
    assert len(paths(index, "zone")) == 50


def test_searches_go_on_while_the_index_is_written(index: SearchIndex) -> None:
    drive = SharedDrive()
    for number in range(200):
        drive.add(f"zone {number}.mp4", b"x")
    index_drive(index, "cloud", drive)
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                assert len(index.search("zone", limit=1000)) >= 200
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(10):
        drive.add(f"zone more {number}.mp4", b"x")
        index_drive(index, "cloud", drive)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index.search("zone", limit=1000)) == 210


RUN = """
import sys
from pathlib import Path
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.search import SearchIndex, index_drive, indexing
from tests.search.conftest import InProcess
indexing.Extractor = InProcess
index = SearchIndex(Path(sys.argv[1]))
drive = LocalFolderDrive(Path(sys.argv[2]))
print("ready", flush=True)
index_drive(index, "local", drive, progress=lambda done, total: print(done, flush=True))
"""


def test_killed_at_any_time_the_index_is_usable_and_the_next_run_converges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.client_storage.search import indexing
    from tests.search.conftest import InProcess

    drive = LocalFolderDrive(tmp_path / "drive")
    drive.check()
    for number in range(150):
        (drive.root / f"{number}.txt").write_text(f"zone number{number} " * 300)
    index = SearchIndex(tmp_path / "index")
    chance = random.Random(5)
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(tmp_path / "index"), str(drive.root)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 140)):
            process.stdout.readline()
        time.sleep(chance.random() / 20)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if list((tmp_path / "index").glob("index-*.db")):
            found = paths(index, "zone")
            assert all((drive.root / path).exists() for path in found)
        (drive.root / f"{round_}.txt").write_text("changed")
    monkeypatch.setattr(indexing, "Extractor", InProcess)
    index_drive(index, "local", drive)
    fresh = SearchIndex(tmp_path / "fresh")
    index_drive(fresh, "local", drive)
    assert content_of(index) == content_of(fresh)
    assert len(paths(index, "zone")) == 147
    assert_sound(index)
    index.close()
    fresh.close()


def test_whole_documents_through_the_limited_process(index: SearchIndex, tmp_path: Path) -> None:
    drive = LocalFolderDrive(tmp_path / "drive")
    folder = drive.root / "Jarvis AI" / "Results" / "game"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<title>Report</title><p>Rush at 12.5 s by team A")
    (folder / "report.json").write_text('{"highlights": [{"title": "Breakaway at 12.5 s"}]}')
    (folder / "scout.docx").write_bytes(documents.docx("Weak side R&D"))
    (folder / "plan.pdf").write_bytes(documents.pdf("Neutral zone trap"))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    report = index_drive(index, "local", drive)
    for query, name in (
        ("rush", "report.html"),
        ("breakaway", "report.json"),
        ("r&d", "scout.docx"),
        ('"zone trap"', "plan.pdf"),
        ("broken", "broken.pdf"),
    ):
        assert [Path(path).name for path in paths(index, query)] == [name]
    assert [Path(path).name for path, _ in report.failed] == ["broken.pdf"]
    assert not index.scratch.exists()


def test_an_index_on_a_full_disk_says_so(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    from jarvis_dagster.services.client_storage.search.writer import Writer

    monkeypatch.setattr(Writer, "write", full)
    with pytest.raises(PermanentError, match="free space"):
        index_drive(index, "cloud", SharedDrive())
