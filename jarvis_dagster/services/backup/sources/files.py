"""The data directory: databases first, then files.

Belongs here: which files matter, and how each is read without tearing it.
Does not belong here: objects in the store (``objects.py``).

Everything in the data directory is taken but for what is made anew (logs, working
files, what runs) and the object store's own files, which are read through its
server. A new kind of state is therefore backed up before anybody thinks of it.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.backup.sources.base import Content, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EXCLUDED", "DataDirectory", "SettingsFiles", "is_sqlite"]

EXCLUDED = (
    *("backup", "logs", "object-store", "run", "sample", "work"),
    *("dagster/dagster.yaml", "dagster/workspace.yaml"),
    *("secrets/backup.key", "secrets/object-store.json"),
)
"""What is not taken of a data directory: what is made anew, and what belongs to one machine."""

_MAGIC = b"SQLite format 3\x00"
_BESIDE = ("-wal", "-shm", "-journal")
_CHANGING = ("-wal", "-journal")
_FILE_CHUNK, _SQLITE_CHUNK = 4 << 20, 256 << 10
_SETTLED_NS = 2_000_000_000
_BUSY_S = 60.0
# Dagster's cursors say what was requested: they come before the runs that were, those before
# the index of their events. What a database names is then in what is read after it.
_FIRST = ("schedules.db", "runs.db", "index.db")


class DataDirectory:
    """All files of a data directory that matter.

    Args:
        root: The data directory.
        also_excluded: Absolute paths below it that are not taken, such as the backup itself.
        scratch: Where copies of databases are made, one at a time.
    """

    def __init__(self, root: Path, scratch: Path, also_excluded: tuple[Path, ...] = ()) -> None:
        self._root = root
        self._scratch = scratch
        self._excluded = {root / name for name in EXCLUDED} | set(also_excluded)

    def items(self, note: Callable[[str], None]) -> Iterator[Item]:
        databases: list[Path] = []
        files: list[Path] = []
        for path in sorted(self._files(self._root, note)):
            (databases if is_sqlite(path) else files).append(path)
        kept = {f"{path}{suffix}" for path in databases for suffix in _BESIDE}
        databases.sort(key=_rank)
        yield from (self._database(path, note) for path in databases)
        yield from (_file(path, self._name(path)) for path in files if str(path) not in kept)

    def _files(self, folder: Path, note: Callable[[str], None]) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            note(f"{folder} cannot be listed ({error.strerror}).")
            return
        for entry in entries:
            path = Path(entry.path)
            if path in self._excluded or entry.name.endswith(".part"):
                continue
            if entry.is_symlink():
                note(f"{path} is a link; what it points to is not in the backup.")
            elif entry.is_dir():
                yield from self._files(path, note)
            elif entry.is_file():
                yield path

    def _name(self, path: Path) -> str:
        return f"data/{path.relative_to(self._root).as_posix()}"

    def _database(self, path: Path, note: Callable[[str], None]) -> Item:
        size, fingerprint = _state(path, *(Path(f"{path}{suffix}") for suffix in _CHANGING))

        @contextlib.contextmanager
        def opened() -> Iterator[Content | None]:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                copy = Path(folder) / "copy.db"
                try:
                    mode = _mode(path.stat())
                    problem = _copy_database(path, copy)
                except FileNotFoundError:
                    yield None
                    return
                if problem:
                    note(f"{path} is a damaged database, kept as it is: {problem}.")
                with copy.open("rb") as stream:
                    yield Content(stream, copy.stat().st_size, fingerprint, {"mode": mode})

        return Item(self._name(path), "sqlite", size, fingerprint, _SQLITE_CHUNK, opened)


class SettingsFiles:
    """The settings files, under their own names."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths

    def items(self, note: Callable[[str], None]) -> Iterator[Item]:
        for path in self._paths:
            if path.is_file():
                item = _file(path, f"settings/{path.name}", "settings")
                yield item
            else:
                note(f"The settings file {path} is not there.")


def is_sqlite(path: Path) -> bool:
    """Whether a file is an SQLite database."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _copy_database(path: Path, copy: Path) -> str:
    """Copy a live database by SQLite's online backup, in one read transaction.

    Returns:
        What is wrong with the database; it is then copied byte by byte.
    """
    copy.unlink(missing_ok=True)
    # Read-only, SQLite would leave its journal files behind, owned by whoever made the backup.
    source = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with (
            contextlib.closing(sqlite3.connect(source, uri=True, timeout=_BUSY_S)) as live,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            live.backup(target)  # in one step: a writer cannot make it start again
            (problem,) = target.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise TransientError(
                f"The database {path} is locked by another program.", "Try again later."
            ) from error
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            raise PermanentError(
                f"There is no room on the disk for a copy of {path}.", "Free some space."
            ) from error
        problem = str(error)
    if problem == "ok":
        return ""
    for file in copy.parent.iterdir():
        file.unlink()
    shutil.copyfile(path, copy)
    return str(problem)


def _file(path: Path, name: str, kind: str = "file") -> Item:
    size, fingerprint = _state(path)

    @contextlib.contextmanager
    def opened() -> Iterator[Content | None]:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with stream:
            found = os.fstat(stream.fileno())
            modified = datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC).isoformat()
            yield Content(
                stream,
                None,
                _fingerprint(found),
                {"mode": _mode(found), "modified": modified},
                is_whole=lambda: _same(found, os.fstat(stream.fileno())),
            )

    return Item(name, kind, size, fingerprint, _FILE_CHUNK, opened)


def _state(*paths: Path) -> tuple[int, str]:
    """Size of the first, and a fingerprint of all: equal while none of them changed."""
    size = 0
    parts: list[str] = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue
        if parts and not found.st_size:  # a journal with nothing in it
            continue
        size = size or found.st_size
        one = _fingerprint(found)
        if not one:
            return size, ""
        parts.append(one)
    return size, " ".join(parts)


def _fingerprint(found: os.stat_result) -> str:
    """Empty while the file could change once more within the same tick of the clock."""
    newest = max(found.st_mtime_ns, found.st_ctime_ns)
    if time.time_ns() - newest < _SETTLED_NS:
        return ""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):o}"


def _rank(path: Path) -> tuple[int, Path]:
    return (_FIRST.index(path.name) if path.name in _FIRST else len(_FIRST), path)
