"""LocalFolderDrive: the contract, and what only a folder has."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage import hashes as hashes_module
from jarvis_dagster.services.client_storage import local as local_module
from tests.services.drive_contract import DriveContract


@pytest.fixture
def drive(tmp_path: Path) -> LocalFolderDrive:
    return LocalFolderDrive(tmp_path / "drive")


class TestContract(DriveContract):
    """The contract of all drives."""


def test_links_that_leave_the_root_are_refused(drive: LocalFolderDrive, tmp_path: Path) -> None:
    drive.check()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "outside").mkdir()
    (drive.root / "link.txt").symlink_to(secret)
    (drive.root / "folder").symlink_to(tmp_path / "outside")
    (drive.root / "loop").symlink_to(drive.root)
    assert [file.id for file in drive.list_all(recursive=True)] == ["loop"]
    for hostile in ("link.txt", "folder", "folder/x", "loop/link.txt"):
        with pytest.raises(BadInputError, match="outside"):
            drive.download(hostile, tmp_path / "stolen")
    with pytest.raises(BadInputError, match="outside"):
        drive.upload(secret, "folder")
    assert list((tmp_path / "outside").iterdir()) == []


def test_own_state_is_not_reachable(drive: LocalFolderDrive, tmp_path: Path) -> None:
    drive.check()
    with pytest.raises(BadInputError):
        drive.trash(".jarvis")
    with pytest.raises(BadInputError):
        drive.stat(".jarvis/hashes.sqlite")


@pytest.mark.parametrize(
    "name",
    [
        *("clip.mp4.part", "clip.mp4.crdownload", "clip.tmp", ".clip.mp4.icloud", "~$plan.docx"),
        *(".DS_Store", "Thumbs.db", "desktop.ini", "clip.mp4~", "Clip.MP4.PART"),
    ],
)
def test_files_that_are_being_written_are_not_listed(drive: LocalFolderDrive, name: str) -> None:
    drive.check()
    token = drive.start_token()
    (drive.root / name).write_text("x")
    assert list(drive.list_all()) == []
    assert drive.changes(token).files == ()


def test_special_files_are_not_listed(drive: LocalFolderDrive) -> None:
    drive.check()
    os.mkfifo(drive.root / "pipe.mp4")
    (drive.root / "dangling.mp4").symlink_to(drive.root / "none")
    assert list(drive.list_all()) == []


def test_a_name_that_is_not_text_is_named_in_the_log(
    drive: LocalFolderDrive, caplog: pytest.LogCaptureFixture
) -> None:
    drive.check()
    Path(os.fsdecode(os.fsencode(drive.root) + b"/bad\xff.mp4")).write_bytes(b"x")
    assert list(drive.list_all()) == []
    assert "is not text" in caplog.text


def test_a_file_that_grows_while_it_is_fetched_is_not_delivered(
    drive: LocalFolderDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.check()
    growing = drive.root / "growing.mp4"
    growing.write_bytes(b"x" * 10)
    (tmp_path / "kept").write_text("what was here")
    true_copy = local_module._copy

    def copy_and_grow(source: Path, target: Path, *_: object) -> str:
        with growing.open("ab") as stream:
            stream.write(b"more")
        return true_copy(source, target)

    monkeypatch.setattr(local_module, "_copy", copy_and_grow)
    with pytest.raises(TransientError, match="changed while"):
        drive.download("growing.mp4", tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "what was here"


def test_an_upload_that_fails_leaves_nothing(
    drive: LocalFolderDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.check()
    (tmp_path / "clip.mp4").write_bytes(b"x")

    def full(source: Path, target: Path, *_: object) -> str:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local_module, "_copy", full)
    with pytest.raises(PermanentError, match="No space left"):
        drive.upload(tmp_path / "clip.mp4")
    assert [p.name for p in drive.root.iterdir()] == [".jarvis"]


def test_a_copy_that_is_not_what_was_read_is_not_kept(
    drive: LocalFolderDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 100)
    true_copy = local_module._copy

    def corrupt(source: Path, target: Path, *_: object) -> str:
        digest = true_copy(source, target)
        target.write_bytes(b"y" * 100)
        return digest

    monkeypatch.setattr(local_module, "_copy", corrupt)
    with pytest.raises(TransientError, match="not what was written"):
        drive.upload(tmp_path / "clip.mp4")
    assert list(drive.list_all()) == []


def test_what_killed_uploads_left_is_removed_after_a_day(
    drive: LocalFolderDrive, tmp_path: Path
) -> None:
    drive.check()
    old, new = drive.root / f".{'a' * 16}.part", drive.root / f".{'b' * 16}.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    drive.upload(tmp_path / "clip.mp4")
    assert (old.exists(), new.exists()) == (False, True)


def test_thousands_of_files_are_listed_in_one_walk(
    drive: LocalFolderDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.client_storage import local_tree

    for number in range(600):
        folder = drive.root / str(number % 3)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.mp4").touch()
    walks: list[object] = []
    true_scan = local_tree.os.scandir

    def counting(path: object) -> object:
        walks.append(path)
        return true_scan(path)

    monkeypatch.setattr(local_tree.os, "scandir", counting)
    assert len(list(drive.list_all(recursive=True))) == 603
    assert len(walks) == 4


def test_uploads_work_without_hard_links(
    drive: LocalFolderDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(local_module.os, "link", refuse)
    for content in (b"one", b"two"):
        (tmp_path / "clip.mp4").write_bytes(content)
        drive.upload(tmp_path / "clip.mp4")
    moved = drive.move("clip (2).mp4", None, "moved.mp4")
    assert (drive.root / moved.id).read_bytes() == b"two"
    assert (drive.root / "clip.mp4").read_bytes() == b"one"
    assert sorted(file.id for file in drive.list_all()) == ["clip.mp4", "moved.mp4"]


def test_hashes_are_remembered_until_the_file_changes(
    drive: LocalFolderDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.check()
    path = drive.root / "clip.mp4"
    path.write_bytes(b"one")
    calls: list[Path] = []
    true_hash = hashes_module.sha256_file

    def counting(file: Path) -> str:
        calls.append(file)
        return true_hash(file)

    monkeypatch.setattr(hashes_module, "sha256_file", counting)
    first = drive.sha256("clip.mp4")
    assert drive.sha256("clip.mp4") == first
    assert len(calls) == 2  # too young to be remembered: it might change within one tick
    monkeypatch.setattr(hashes_module, "_RACY_NS", -1)
    drive.sha256("clip.mp4")
    assert drive.sha256("clip.mp4") == first
    assert len(calls) == 3
    assert LocalFolderDrive(drive.root).sha256("clip.mp4") == first
    assert len(calls) == 3
    path.write_bytes(b"two")
    assert drive.sha256("clip.mp4") != first
    (drive.root / ".jarvis" / "hashes.sqlite").write_bytes(b"damaged" * 1000)
    assert drive.sha256("clip.mp4") != first


def test_trash_can_be_brought_back(drive: LocalFolderDrive, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    drive.trash(drive.upload(tmp_path / "clip.mp4").id)
    (kept,) = (drive.root / ".jarvis" / "trash").glob("*/clip.mp4")
    assert kept.read_bytes() == b"x"


def test_a_root_that_cannot_be_used_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PermanentError):
        LocalFolderDrive(tmp_path / "file" / "drive").check()
    with pytest.raises(PermanentError):
        list(LocalFolderDrive(tmp_path / "file").list_all())


def test_search_is_not_supported_yet(drive: LocalFolderDrive) -> None:
    with pytest.raises(NotSupportedError, match="search"):
        drive.search("power play")


NAMES = st.sampled_from(
    ["a.mp4", "A.mp4", "\u00dc.mp4", "U\u0308.mp4", "a (2).mp4", ".a", "a/b", "Sub"]
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upload", "replace", "move", "trash", "folder"]),
        NAMES,
        st.integers(0, 3),
        st.integers(0, 100),
    ),
    max_size=25,
)


@given(STEPS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nothing_is_lost_whatever_is_done(
    tmp_path: Path, steps: list[tuple[str, str, int, int]]
) -> None:
    """A content that was uploaded stays, unless that very file was replaced or trashed."""
    drive = LocalFolderDrive(tmp_path / secrets.token_hex(8))
    source = tmp_path / "source"
    folders: list[str | None] = [None]
    wanted: dict[str, bytes] = {}  # by id
    for doing, name, number, pick in steps:
        folder = folders[pick % len(folders)]
        source.write_bytes(f"content {number}".encode())
        chosen = sorted(wanted)[pick % len(wanted)] if wanted else None
        if doing == "folder":
            if (made := drive.create_folder(f"{name} folder", folder).id) not in folders:
                folders.append(made)
        elif doing == "upload" or chosen is None:
            file = drive.upload(source, folder, name)
            assert wanted.get(file.id, source.read_bytes()) == source.read_bytes()
            wanted[file.id] = source.read_bytes()
        elif doing == "replace":
            before = drive.stat(chosen)
            assert before is not None
            parent = chosen.rpartition("/")[0] or None
            after = drive.upload(source, parent, before.name, replace=before)
            assert after.id == chosen
            wanted[chosen] = source.read_bytes()
        elif doing == "move":
            moved = drive.move(chosen, folder, name)
            content = wanted.pop(chosen)
            assert moved.id not in wanted
            wanted[moved.id] = content
        else:
            drive.trash(chosen)
            del wanted[chosen]
    there = {
        file.id: (drive.root / file.id).read_bytes()
        for file in drive.list_all(recursive=True)
        if not file.is_folder
    }
    assert there == wanted
    assert list(drive.root.rglob("*.part")) == []


def test_a_root_that_is_away_is_not_made_anew(tmp_path: Path) -> None:
    root, film = tmp_path / "disk" / "club", tmp_path / "film.mp4"
    film.write_bytes(b"film")

    def opened() -> LocalFolderDrive:
        return LocalFolderDrive(root, tmp_path / "state")

    folder = opened().create_folder("Results")
    opened().upload(film, folder.id)
    away = root.rename(tmp_path / "elsewhere")
    for mounted in (False, True):
        if mounted:
            root.mkdir()  # where a disk would be mounted
        for call in (
            lambda: opened().upload(film, folder.id),
            lambda: opened().find("Results/film.mp4"),
            lambda: opened().stat("Results/film.mp4"),
            lambda: list(opened().list_all()),
            lambda: opened().check(),
        ):
            with pytest.raises(TransientError, match=r"is away.*Mount its disk"):
                call()
        assert not mounted or list(root.iterdir()) == []
    root.rmdir()
    away.rename(root)
    assert opened().find("Results/film.mp4") is not None
