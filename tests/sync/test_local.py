"""Two folders of this machine: real files, real times, real kills."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync
from tests.services.drive_contract import HOSTILE_NAMES
from tests.sync.memory_drive import MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path


class Folders:
    """Two folders and their state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.a, self.b, self.state = folder / "a", folder / "b", folder / "state.sqlite"
        self.a.mkdir()
        self.b.mkdir()

    def sync(self, **options: Any) -> SyncReport:
        a, b = LocalFolderDrive(self.a), LocalFolderDrive(self.b)
        return sync(Side(a), Side(b), state=self.state, options=SyncOptions(**options))

    def settle(self) -> dict[str, bytes]:
        report = self.sync()
        assert (report.status, report.failures, report.reasons) == ("ok", (), ())
        assert tree(self.a) == tree(self.b)
        again = self.sync()
        assert (again.status, again.steps) == ("ok", ())
        return tree(self.a)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        unicodedata.normalize("NFC", path.relative_to(folder).as_posix()): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".jarvis" not in path.parts and "jarvis-sync-" not in path.name
    }


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_two_folders_come_into_step(folders: Folders) -> None:
    write(folders.a / "x/one.txt", b"one")
    write(folders.b / "y/two.txt", b"two")
    write(folders.a / "both.txt", b"a")
    write(folders.b / "both.txt", b"b")
    files = folders.settle()
    assert len(files) == 4
    (folders.a / "x/one.txt").unlink()
    (folders.b / "y").rename(folders.b / "z")
    files = folders.settle()
    assert "x/one.txt" not in files
    assert files["z/two.txt"] == b"two"


def test_deleted_files_go_to_the_trash(folders: Folders) -> None:
    write(folders.a / "x.txt", b"x")
    write(folders.a / "y.txt", b"y")
    folders.settle()
    (folders.a / "x.txt").unlink()
    folders.settle()
    (kept,) = (folders.b / ".jarvis/trash").rglob("x.txt")
    assert kept.read_bytes() == b"x"


@pytest.mark.parametrize("side", ["a", "b"])
def test_content_decides_and_not_size_and_time(folders: Folders, side: str) -> None:
    write(folders.a / "x.txt", b"AAAA")
    folders.settle()
    path = getattr(folders, side) / "x.txt"
    for content in (b"BBBB", b"CCCC"):
        before = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert folders.settle() == {"x.txt": content}


def test_different_files_of_one_size_and_time_are_a_conflict(folders: Folders) -> None:
    for folder, content in ((folders.a, b"AAA"), (folders.b, b"BBB")):
        os.utime(write(folder / "x.txt", content), (1e9, 1e9))
    assert sorted(folders.settle().values()) == [b"AAA", b"BBB"]


def test_the_same_content_with_other_times_is_left_alone(folders: Folders) -> None:
    os.utime(write(folders.a / "x.txt", b"same"), (1e9, 1e9))
    os.utime(write(folders.b / "x.txt", b"same"), (2e9, 2e9))
    assert folders.sync().steps == ()
    assert (folders.b / "x.txt").stat().st_mtime == 2e9


def test_edits_in_quick_succession_are_all_seen(folders: Folders) -> None:
    for number in range(25):
        side = folders.a if number % 3 else folders.b
        write(side / "x.txt", b"%04d" % number)
        assert folders.sync().status == "ok"
        assert tree(folders.a) == tree(folders.b) == {"x.txt": b"%04d" % number}


def test_both_forms_of_a_unicode_name_on_one_disk_are_two_files(folders: Folders) -> None:
    write(folders.a / "\u00dcbung.txt", b"composed")
    write(folders.a / "U\u0308bung.txt", b"decomposed")
    assert sorted(folders.settle().values()) == [b"composed", b"decomposed"]


def test_a_decomposed_name_is_the_same_file(folders: Folders) -> None:
    write(folders.a / "Übung.txt", b"one")
    write(folders.b / "U\u0308bung.txt", b"one")
    assert folders.sync().steps == ()
    (folders.b / "U\u0308bung.txt").write_bytes(b"changed")
    assert folders.settle() == {"Übung.txt": b"changed"}
    assert len(list(folders.b.glob("*.txt"))) == 2  # with the marker


def test_hostile_names_are_one_file_each(folders: Folders) -> None:
    drive = MemoryDrive()
    names = [name for name in HOSTILE_NAMES if "/" not in name and not name.startswith((".", "~"))]
    names += ["a:b.txt", "Con.txt", "tab\there", "?.mp4", "deep?/er*/x|y.txt", "deep?/z"]
    for number, name in enumerate(names):
        drive.put(name, b"%d" % number)
    side = Side(LocalFolderDrive(folders.a))
    for _ in range(3):
        report = sync(Side(drive), side, state=folders.state)
        assert (report.status, report.failures) == ("ok", ())
        assert len(drive.files()) == len(names)
        assert sorted(tree(folders.a).values()) == sorted(drive.files().values())
    assert report.steps == ()
    for path in folders.a.rglob("*"):
        if path.is_file() and path.read_bytes() == b"0":
            path.write_bytes(b"edited here")
    write(folders.a / "deep_/new.txt", b"new")
    drive.put("a:b.txt", b"edited there")
    drive.rm("Con.txt")
    assert sync(Side(drive), side, state=folders.state).status == "ok"
    files = drive.files()
    assert (files[names[0]], files["deep?/new.txt"]) == (b"edited here", b"new")
    assert b"edited there" in tree(folders.a).values()
    assert len(tree(folders.a)) == len(files) == len(names)
    assert sync(Side(drive), side, state=folders.state).steps == ()


def test_hostile_names_survive_a_lost_answer(folders: Folders) -> None:
    drive = MemoryDrive()
    drive.put("a:b?.txt", b"x")
    write(folders.a / "a_b_.txt", b"x")
    assert sync(Side(drive), Side(LocalFolderDrive(folders.a)), state=folders.state).steps == ()
    assert (len(drive.files()), len(tree(folders.a))) == (1, 1)


def test_a_file_that_the_other_side_never_lists_is_reported_and_kept(folders: Folders) -> None:
    drive = MemoryDrive()
    for name in (".hidden", "x.part", "~$lock.docx", "seen"):
        drive.put(name, name.encode())
    for _ in range(3):
        report = sync(Side(drive), Side(LocalFolderDrive(folders.a)), state=folders.state)
        assert report.status == "incomplete"
        assert [problem.path for problem in report.failures] == ["x.part"]
        assert len(drive.files()) == 4
    assert tree(folders.a).keys() == {"_.hidden", "x.part", "_~$lock.docx", "seen"}


def test_hidden_files_of_a_folder_stay_where_they_are(folders: Folders) -> None:
    for name in (".hidden", "x.part", "d/.keep"):
        write(folders.a / name, b"x")
    write(folders.a / "seen", b"seen")
    assert folders.sync().status == "ok"
    assert tree(folders.b) == {"seen": b"seen"}
    assert len(tree(folders.a)) == 4


def test_an_unmounted_folder_stops(folders: Folders) -> None:
    write(folders.a / "x", b"x")
    folders.settle()
    folders.b.rename(folders.folder / "away")
    folders.b.mkdir()  # the empty mount point
    assert folders.sync().status == "stopped"
    assert tree(folders.a) == {"x": b"x"}


def test_a_reader_never_sees_a_torn_file(folders: Folders) -> None:
    sizes = (300_000, 1_200_000)
    path = folders.b / "big"
    write(folders.a / "big", b"\0" * sizes[0])
    folders.settle()
    torn, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            content = path.read_bytes()  # which is always there
            if len(content) not in sizes or len(set(content)) != 1:
                torn.append(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 7):
        write(folders.a / "big", bytes([number]) * sizes[number % 2])
        folders.sync()
    done.set()
    reader.join()
    assert torn == []


def test_many_files_are_sent_at_once(folders: Folders) -> None:
    for number in range(60):
        write(folders.a / f"d{number % 3}/{number}", b"a%d" % number)
        if number % 5 == 0:
            write(folders.b / f"d{number % 3}/{number}", b"b%d" % number)
    report = folders.sync(transfers=4)
    assert (report.status, len(report.conflicts)) == ("ok", 12)
    files = folders.settle()
    assert len(files) == 72
    assert files["d0/15"] == b"a15"
    assert len(set(files.values())) == 72


_KILLED = """
import os, sys
from pathlib import Path
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, sync

class Mortal(LocalFolderDrive):
    pass

def dying(name):
    real = getattr(LocalFolderDrive, name)
    def call(self, *args, **options):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        found = real(self, *args, **options)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        return found
    return call

left = [int(sys.argv[2])]
for name in ("upload", "create_folder", "move", "trash", "download"):
    setattr(Mortal, name, dying(name))
folder = Path(sys.argv[1])
options = SyncOptions(force_deletes=True)
for _ in range(int(sys.argv[3])):
    pid = os.fork()
    if pid == 0:
        sides = [Side(Mortal(folder / side)) for side in "ab"]
        report = sync(*sides, state=folder / "state.sqlite", options=options)
        os._exit(0 if report.status == "ok" else 1)
    _, status = os.waitpid(pid, 0)
    if status == 0:
        sys.exit(print(_))
    if not os.WIFSIGNALED(status):
        sys.exit(1)
    left[0] += 3
sys.exit(2)
"""


def test_a_run_that_is_killed_again_and_again_ends_in_step(folders: Folders) -> None:
    for number in range(6):
        write(folders.a / f"d/{number}", b"%d" % number)
    folders.settle()
    (folders.a / "d/0").unlink()
    (folders.a / "d").rename(folders.a / "e")
    write(folders.a / "new", b"new")
    write(folders.a / "e/1", b"of a")
    write(folders.b / "d/1", b"of b")
    write(folders.b / "deep/er/x", b"x")
    command = [sys.executable, "-c", _KILLED, str(folders.folder), "1", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= 8  # times that it was killed
    files = folders.settle()
    assert sorted(files.values()) == sorted(
        [b"of a", b"of b", b"2", b"3", b"4", b"5", b"new", b"x"]
    )
    assert [path.name for path in folders.folder.iterdir() if "scratch" in path.name] == []


def test_a_full_disk_is_reported_and_loses_nothing(folders: Folders) -> None:
    write(folders.a / "big", b"x" * 400_000)
    write(folders.a / "small", b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        report = folders.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert report.status == "incomplete"
    assert [problem.path for problem in report.failures] == ["big"]
    assert tree(folders.b) == {"small": b"x"}
    assert folders.settle()["big"] == b"x" * 400_000
