"""Making, choosing, restoring and pruning backups of a data directory."""

from __future__ import annotations

import datetime
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConfigError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.backup.keys import WrongKeyError
from jarvis_dagster.services.backup.restore import NotEmptyError
from tests.backup.installation import KEY, fill, rows_of, service, state, write_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def age(folder: Path) -> None:
    """Make all files an hour older, so that they count as settled."""
    for path in folder.rglob("*"):
        if path.is_file():
            an_hour_ago = path.stat().st_mtime - 3600
            os.utime(path, (an_hour_ago, an_hour_ago))


def blobs(place: Path) -> dict[str, int]:
    return {
        p.relative_to(place).as_posix(): p.stat().st_size for p in place.rglob("*") if p.is_file()
    }


def test_a_restored_installation_is_the_same(data: Path, place: Path, tmp_path: Path) -> None:
    backups = service(data, place)
    snapshot = backups.create()
    other = tmp_path / "other"
    done = service(other, place).restore(snapshot)
    assert done.failed == ()
    assert state(other) == state(data)
    assert (other / "secrets/google.json").stat().st_mode & 0o777 == 0o600
    assert not (other / "logs").exists()
    assert not (other / "secrets/object-store.json").exists()
    assert not list(other.rglob("*.part"))
    assert backups.verify().findings == ()


def test_restored_databases_are_byte_for_byte_what_was_backed_up(
    data: Path, place: Path, tmp_path: Path
) -> None:
    backups = service(data, place)
    snapshot = backups.create()
    other = tmp_path / "other"
    service(other, place).restore(snapshot)
    again = service(other, tmp_path / "second").create()
    first = {e.path: e.sha256 for e in backups.entries(snapshot)}
    second = {e.path: e.sha256 for e in service(other, tmp_path / "second").entries(again)}
    assert first == second


def test_every_snapshot_restores_its_own_time(data: Path, place: Path, tmp_path: Path) -> None:
    backups = service(data, place)
    states, snapshots = [], []
    for turn in range(3):
        write_rows(data / "mlflow/mlflow.db", [b"turn %d" % turn])
        (data / "drive/changing.bin").write_bytes(os.urandom(50_000))
        if turn == 2:
            (data / "mlflow/artifacts/1/model.onnx").unlink()
        states.append(state(data))
        snapshots.append(backups.create())
    for turn, (snapshot, expected) in enumerate(zip(snapshots, states, strict=True)):
        other = tmp_path / f"other{turn}"
        service(other, place).restore(snapshot)
        assert state(other) == expected
    assert backups.choose(at=snapshots[1].created).id == snapshots[1].id
    assert backups.choose().id == snapshots[2].id
    assert backups.choose(snapshots[0].id[:-2]).id == snapshots[0].id
    long_ago = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    with pytest.raises(BadInputError, match="no snapshot up to 2000"):
        backups.choose(at=long_ago)
    with pytest.raises(BadInputError, match="3 snapshots begin with 2"):
        backups.choose("2")
    with pytest.raises(BadInputError, match="no snapshot nonsense"):
        backups.choose("nonsense")


def test_a_run_without_changes_reads_no_content_and_adds_a_manifest(
    data: Path, place: Path
) -> None:
    age(data)
    with pytest.MonkeyPatch.context() as patch:
        # Times of the file's own change cannot be set back; an hour from now they are settled.
        import time

        later = time.time_ns() + 3_600_000_000_000
        patch.setattr(time, "time_ns", lambda: later)
        backups = service(data, place)
        first = backups.create()
        before = blobs(place)
        atimes = {p: p.stat().st_atime_ns for p in data.rglob("*.bin")}
        patch.setattr(sqlite3, "connect", _refuse)
        second = backups.create()
    added = blobs(place).keys() - before.keys()
    assert added == {f"snapshots/{second.id}"}
    assert second.new_bytes == 0
    assert second.pages == first.pages
    assert atimes == {p: p.stat().st_atime_ns for p in data.rglob("*.bin")}


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("read although nothing changed")


def test_a_small_change_in_a_large_database_adds_little(data: Path, place: Path) -> None:
    write_rows(data / "big.db", [os.urandom(4000) for _ in range(3000)])
    backups = service(data, place)
    backups.create()
    write_rows(data / "big.db", [b"one more"])
    snapshot = backups.create()
    assert (data / "big.db").stat().st_size > 12_000_000
    assert snapshot.new_bytes < 1_000_000


def test_equal_content_is_stored_once(data: Path, place: Path) -> None:
    content = os.urandom(3_000_000)
    (data / "a.bin").write_bytes(content)
    (data / "b.bin").write_bytes(content)
    service(data, place).create()
    assert sum(blobs(place).values()) < 5_000_000


def test_nothing_in_the_place_can_be_read_without_the_key(data: Path, place: Path) -> None:
    (data / "secrets/drive.json").write_bytes(b"refresh-token-of-a-club " * 100)
    service(data, place).create()
    for path in place.rglob("*"):
        raw = path.read_bytes() if path.is_file() else b""
        for secret in (b"refresh-token", b"hush", b"SQLite format", b"google.json", KEY.encode()):
            assert secret not in raw
        assert "google" not in path.name


def test_a_wrong_key_says_so(data: Path, place: Path, tmp_path: Path) -> None:
    service(data, place).create()
    before = blobs(place)
    wrong = service(tmp_path / "other", place, key="another passphrase")
    for call in (wrong.create, wrong.snapshots, wrong.verify, wrong.prune, wrong.check):
        with pytest.raises(WrongKeyError, match="The key does not open the backup") as caught:
            call()
        assert "another passphrase" not in str(caught.value)
    assert blobs(place) == before


def test_a_key_is_made_once_and_never_for_a_backup_that_has_another(
    data: Path, place: Path, tmp_path: Path
) -> None:
    service(data, place, key=None).create()
    key = data / "secrets/backup.key"
    made = key.read_text()
    assert len(made.strip()) >= 40
    assert key.stat().st_mode & 0o777 == 0o600
    service(data, place, key=None).create()
    assert key.read_text() == made
    key.unlink()
    with pytest.raises(ConfigError, match=r"backup\.key is missing"):
        service(data, place, key=None).create()
    assert not key.exists()
    other = tmp_path / "other"
    key = other / "secrets/backup.key"
    key.parent.mkdir(parents=True)
    key.write_text(made)
    backups = service(other, place, key=None)
    backups.restore(backups.choose())
    assert state(other) == state(data)


def test_a_restore_refuses_an_installation_with_data(
    data: Path, place: Path, tmp_path: Path
) -> None:
    backups = service(data, place)
    snapshot = backups.create()
    before = state(data)
    write_rows(data / "mlflow/mlflow.db", [b"after the backup"])
    changed = state(data)
    with pytest.raises(NotEmptyError, match="is there") as caught:
        backups.restore(snapshot)
    assert "--overwrite" in str(caught.value)
    assert state(data) == changed
    (data / "unknown.txt").write_text("left alone")
    backups.restore(snapshot, overwrite=True)
    (data / "unknown.txt").unlink()
    assert state(data) == before


def test_the_journal_of_another_database_is_not_played_into_a_restored_one(
    data: Path, place: Path
) -> None:
    backups = service(data, place)
    snapshot = backups.create()
    rows = rows_of(data / "mlflow/mlflow.db")
    live = sqlite3.connect(data / "mlflow/mlflow.db")
    try:
        live.execute("INSERT INTO rows (value) VALUES (?)", (b"in the journal",))
        live.commit()
        assert (data / "mlflow/mlflow.db-wal").stat().st_size > 0
        wal = (data / "mlflow/mlflow.db-wal").read_bytes()
    finally:
        live.close()
    (data / "mlflow/mlflow.db-wal").write_bytes(wal)  # as a crash leaves it
    backups.restore(snapshot, overwrite=True)
    assert rows_of(data / "mlflow/mlflow.db") == rows


def test_a_live_database_is_copied_whole_while_it_is_written(
    data: Path, place: Path, tmp_path: Path
) -> None:
    path = data / "dagster/history/runs.db"
    writer = sqlite3.connect(path)
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO rows (value) VALUES (?)", (b"not committed",))
        snapshot = service(data, place).create()
        writer.commit()
    finally:
        writer.close()
    other = tmp_path / "other"
    service(other, place).restore(snapshot)
    assert b"not committed" not in rows_of(other / "dagster/history/runs.db")
    assert len(rows_of(other / "dagster/history/runs.db")) == 30


def test_rows_that_are_still_in_the_journal_are_in_the_backup(
    data: Path, place: Path, tmp_path: Path
) -> None:
    live = sqlite3.connect(data / "temporal/temporal.db")
    try:
        live.execute("INSERT INTO rows (value) VALUES (?)", (b"acknowledged",))
        live.commit()
        snapshot = service(data, place).create()
    finally:
        live.close()
    service(tmp_path / "other", place).restore(snapshot)
    assert rows_of(tmp_path / "other/temporal/temporal.db")[-1] == b"acknowledged"


def test_a_damaged_database_does_not_stop_the_backup_of_the_others(
    data: Path, place: Path, tmp_path: Path
) -> None:
    path = data / "dagster/history/runs.db"
    raw = bytearray(path.read_bytes())
    raw[4096:20_000] = os.urandom(20_000 - 4096)
    path.write_bytes(raw)
    snapshot = service(data, place).create()
    assert any("runs.db is a damaged database" in note for note in snapshot.notes)
    service(tmp_path / "other", place).restore(snapshot)
    assert (tmp_path / "other/dagster/history/runs.db").read_bytes() == raw


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_taken(
    data: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(data).open

    def failing(path: Path, *words: object, **options: object) -> object:
        if path.name == "model.onnx":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(data), "open", failing)
    snapshot = service(data, place).create()
    assert [note for note in snapshot.notes if "model.onnx cannot be read" in note]
    monkeypatch.undo()
    taken = {entry.path for entry in service(data, place).entries(snapshot)}
    assert "data/secrets/google.json" in taken
    assert not any("model.onnx" in path for path in taken)


def test_a_full_disk_is_not_taken_for_an_unreadable_file(
    data: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jarvis_dagster.services.backup.sources.files._copy_database", full)
    with pytest.raises(PermanentError, match="no room on the disk"):
        service(data, place).create()


def test_links_are_named_and_not_followed(data: Path, place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.txt").write_text("not ours")
    (data / "link").symlink_to(tmp_path / "elsewhere")
    (data / "file-link").symlink_to(tmp_path / "elsewhere/secret.txt")
    snapshot = service(data, place).create()
    assert sum("is a link" in note for note in snapshot.notes) == 2
    assert not any("link" in e.path for e in service(data, place).entries(snapshot))


def test_a_restore_never_writes_through_a_link_out_of_the_data_directory(
    data: Path, place: Path, tmp_path: Path
) -> None:
    snapshot = service(data, place).create()
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "outside").mkdir()
    (other / "secrets").symlink_to(tmp_path / "outside")
    done = service(other, place).restore(snapshot)
    assert [path for path, _ in done.failed] == ["data/secrets/google.json"]
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_full_disk_stops_a_restore_that_goes_on_later(
    data: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = service(data, place).create()
    other = service(tmp_path / "other", place)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(TransientError, match="No space is left on the disk"):
        other.restore(snapshot)
    monkeypatch.undo()
    assert other.restore(snapshot).failed == ()
    assert state(tmp_path / "other") == state(data)


def test_names_that_file_systems_allow_come_back(data: Path, place: Path, tmp_path: Path) -> None:
    names = ["a\nb", "tab\t", "U\u0308", "\u00dc", "x" * 200, " ", "back\\slash", "..hidden"]
    for name in names:
        (data / "names").mkdir(exist_ok=True)
        (data / "names" / name).write_text(name)
    (data / "names" / os.fsdecode(b"\xff\xfe")).write_text("bytes")
    snapshot = service(data, place).create()
    service(tmp_path / "other", place).restore(snapshot)
    assert len(list((tmp_path / "other/names").iterdir())) == len(names) + 1
    assert state(tmp_path / "other") == state(data)


def test_the_backup_itself_is_not_backed_up(data: Path) -> None:
    backups = service(data, data / "backups here")
    first = backups.create()
    second = backups.create()
    assert first.entries == second.entries


def test_a_place_that_lost_its_backup_is_not_begun_anew(data: Path, place: Path) -> None:
    backups = service(data, place)
    backups.create()
    place.rename(place.with_name("unmounted"))
    with pytest.raises(PermanentError, match="not there any more"):
        backups.create()
    backups.create(first=True)
    assert len(backups.snapshots().snapshots) == 1


def test_settings_files_are_kept_and_put_aside(data: Path, place: Path, tmp_path: Path) -> None:
    settings = tmp_path / "jarvis-core.yaml"
    settings.write_text("log_level: DEBUG\n")
    snapshot = service(data, place, settings_files=(settings, tmp_path / "gone.yaml")).create()
    assert any("gone.yaml is not there" in note for note in snapshot.notes)
    done = service(tmp_path / "other", place).restore(snapshot)
    assert done.settings is not None
    assert (done.settings / "jarvis-core.yaml").read_text() == "log_level: DEBUG\n"


def test_a_missing_postgres_tool_is_not_supported(
    data: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    database = {"host": "localhost", "database": "dagster", "user": "dagster"}
    with pytest.raises(NotSupportedError, match="pg_dump is not installed"):
        service(data, place, postgres={"dagster": database}).create()


@pytest.mark.parametrize("name", ["../escape", "a/b", "", "x y"])
def test_names_of_postgres_databases_are_plain(name: str, tmp_path: Path) -> None:
    database = {"host": "localhost", "database": "dagster", "user": "dagster"}
    with pytest.raises(ValueError, match="must be of letters"):
        service(tmp_path, tmp_path, postgres={name: database})
