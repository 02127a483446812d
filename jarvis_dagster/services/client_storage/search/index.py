"""The index of everything that is on the drives: asking it, and the right to write to it.

Belongs here: searching, writing, errors of the database. Does not belong
here: files and locks (``place.py``), tables (``schema.py``), what is written
(``store.py``), filling it from a drive (``indexing.py``).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    JarvisError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.search import schema
from jarvis_dagster.services.client_storage.search.hits import Hit, find
from jarvis_dagster.services.client_storage.search.place import Place
from jarvis_dagster.services.client_storage.search.query import kind_or_extension, parse
from jarvis_dagster.services.client_storage.search.status import IndexStatus, status_of
from jarvis_dagster.services.client_storage.search.store import IndexStore
from jarvis_dagster.services.client_storage.search.visibility import principals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    Answer = TypeVar("Answer")

__all__ = ["DamagedIndexError", "SearchIndex"]

_MOST_HITS = 1000


class DamagedIndexError(PermanentError):
    """The index was damaged; it is empty now and has to be filled again."""


class SearchIndex:
    """Full-text index of all drives of an installation.

    Any number of threads and processes may search while one writes. What is in
    it can be made again from the drives: an index that is damaged, or of
    another version, is replaced by an empty one by the next run that writes.

    Args:
        folder: Where the index is; it is made, for this user alone.
    """

    def __init__(self, folder: Path) -> None:
        self._place = Place(folder)
        self._reader: sqlite3.Connection | None = None
        self._reader_path: Path | None = None
        self._reading = threading.Lock()

    @property
    def scratch(self) -> Path:
        """A folder for files that are being read, which only who is writing may use."""
        return self._place.folder / "scratch"

    def search(
        self,
        query: str,
        *,
        asker: str | None = None,
        drive: str | None = None,
        folder: str | None = None,
        kinds: Sequence[str] | None = None,
        limit: int = 20,
    ) -> list[Hit]:
        """Files that match, the best first.

        Args:
            query: See :func:`~.query.parse`.
            asker: The e-mail address of the person who asks: hits are files that
                this person may see. None is the operator, who sees everything.
            drive: Only in the drive of that name.
            folder: Only below that folder, a path from the drive's root.
            kinds: Only of these kinds (``video``) or extensions (``pdf``).
            limit: Most hits.

        Raises:
            BadInputError: the query holds nothing to look for, the asker is not
                an address, the limit is not from 1 to 1000.
            PermanentError: nothing was indexed yet, or the index is damaged.
        """
        if not 1 <= limit <= _MOST_HITS:
            raise BadInputError(f"A limit of {limit} is not from 1 to {_MOST_HITS}.")
        asked = parse(query)
        wanted_kinds = [kind_or_extension(kind) for kind in kinds or ()]
        who = None if asker is None else principals(asker)
        return self._read(
            lambda db: find(
                db, asked, who=who, drive=drive, folder=folder, kinds=wanted_kinds, limit=limit
            )
        )

    def status(self) -> IndexStatus:
        """What is in the index, and what could not be read and why; for the operator alone."""
        return self._read(status_of)

    @contextlib.contextmanager
    def writing(self, *, verify: bool = False) -> Iterator[IndexStore]:
        """The right to write, which one has at a time; an index that is damaged is replaced.

        What was not committed when the block ends with an exception is forgotten.

        Args:
            verify: Read all of the index first; otherwise that is done once a week.

        Raises:
            ConflictError: somebody else is writing.
            DamagedIndexError: it turned out to be damaged, and was replaced by an
                empty one.
            PermanentError: it cannot be written.
        """
        with self._place.locked():
            try:
                connection = self._place.open(verify=verify)
                try:
                    store = IndexStore(connection)
                    try:
                        yield store
                        store.commit()
                    finally:
                        store.rollback()
                finally:
                    connection.close()
            except sqlite3.Error as error:
                if schema.is_damage(error):
                    self._place.begin(str(error)).close()
                raise self._translated(error) from error

    def close(self) -> None:
        """Close the connection that searches use; the next search opens another."""
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _read(self, ask: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._reading:
            try:
                with _moment(self._connected()) as db:
                    return ask(db)
            except sqlite3.Error as error:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                raise self._translated(error) from error

    def _connected(self) -> sqlite3.Connection:
        """The connection for searches; another one if the index was made again."""
        path = self._place.current()
        if path is None:
            raise PermanentError("Nothing was indexed yet.", "Run `jarvis drive index`.")
        if self._reader is not None and path == self._reader_path:
            return self._reader
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        try:
            reader = schema.connect(path, write=False)
        except sqlite3.OperationalError:
            if path == self._place.current():
                raise
            return self._connected()  # it was made again, and this one removed, just now
        try:
            if not schema.is_ours(reader):
                raise PermanentError(
                    f"{path} is not an index of this version.", "Run `jarvis drive index`."
                )
        except BaseException:
            reader.close()
            raise
        self._reader, self._reader_path = reader, path
        return reader

    def _translated(self, error: sqlite3.Error) -> JarvisError:
        if schema.is_damage(error):
            return DamagedIndexError(
                f"The search index in {self._place.folder} is damaged ({error}).",
                "Run `jarvis drive index`, which builds it again.",
            )
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return TransientError(f"The search index is busy ({error}).", "Try again.")
        return PermanentError(
            f"The search index in {self._place.folder} cannot be used ({error}).",
            "Check its permissions and the free space.",
        )


@contextlib.contextmanager
def _moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All answers from one moment: the filter and the snippet must not be told apart."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
