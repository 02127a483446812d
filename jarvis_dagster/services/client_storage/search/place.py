"""Where the index is kept: its folder, its file, who may write, damage.

Belongs here: files and locks. Does not belong here: what is in the index.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import sqlite3
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.services.client_storage.search import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Place"]

_LOG = logging.getLogger(__name__)
_CHECK_EVERY_S = 7 * 86_400.0
_FILE = re.compile(r"index-(\d+)\.db")


class Place:
    """The folder of an index, for this user alone.

    An index that is made again has another name: SQLite must never find the log
    of one file beside another.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = folder / "lock"

    def current(self) -> Path | None:
        """The newest index file."""
        return max(self._files(), key=_number, default=None)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The right to write; the system takes it back when this process ends, however it ends.

        Raises:
            ConflictError: somebody else has it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PermanentError(
                f"{self.folder} cannot be written ({error.strerror}).",
                "Check the folder's permissions and the free space.",
            ) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    "The drives are being indexed already.", "Wait until that has ended."
                ) from None
            yield
        finally:
            os.close(descriptor)

    def open(self, *, verify: bool) -> sqlite3.Connection:
        """A connection that writes; to an empty index if there is none that can be used.

        Args:
            verify: Read all of it first; otherwise that is done once a week.
        """
        path = self.current()
        if path is None:
            return self.begin("")
        wrong, connection = "", None
        try:
            connection = schema.connect(path, write=True)
            if not schema.is_ours(connection):
                wrong = "it is of another version, or was never finished"
            elif verify or self._check_is_due():
                wrong = schema.problem(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if not schema.is_damage(error):
                raise
            return self.begin(str(error))
        if wrong:
            connection.close()
            return self.begin(wrong)
        _remove([file for file in self._files() if file != path])
        return connection

    def begin(self, why: str) -> sqlite3.Connection:
        """An empty index in place of the one that cannot be used, if there is one."""
        old = self._files()
        if why:
            _LOG.warning("The search index in %s is built again: %s.", self.folder, why)
        path = self.folder / f"index-{max(map(_number, old), default=0) + 1}.db"
        # Under its name once it has its tables: who searches meanwhile finds all of it or nothing.
        draft = self.folder / "draft.db"
        _remove([draft])  # of a run that was killed
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with contextlib.closing(schema.connect(draft, write=True)) as empty:
            schema.create(empty)
        draft.rename(path)
        connection = schema.connect(path, write=True)
        _remove(old)
        return connection

    def _check_is_due(self) -> bool:
        """Whether a week has passed; kept as the age of the lock file."""
        now = time.time()
        if now - self._lock.stat().st_mtime < _CHECK_EVERY_S:
            return False
        os.utime(self._lock, (now, now))
        return True

    def _files(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if _FILE.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PermanentError(
                f"{self.folder} cannot be read ({error.strerror}).", "Check its permissions."
            ) from error


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def _number(path: Path) -> int:
    match = _FILE.fullmatch(path.name)
    return int(match[1]) if match else 0
