"""A local file that is sent.

Belongs here: reading it, and noticing that it changes meanwhile. Does not
belong here: sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.onedrive.digests import Digests
from jarvis_dagster.services.files import CHUNK_BYTES, readable_file

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.onedrive.items import Item

__all__ = ["Source"]


class Source:
    """A file, hashed as it was when it was opened."""

    def __init__(self, path: Path) -> None:
        self.path = readable_file(path)
        self._state = self._look()
        self._digests = Digests()
        with self.path.open("rb") as stream:
            while data := stream.read(CHUNK_BYTES):
                self._digests.update(data)
        self.check()

    @property
    def size(self) -> int:
        """In bytes."""
        return self._digests.size

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._digests.sha256

    def agree(self, item: Item) -> bool | None:
        """Whether an item has this content; None where the service tells no hash."""
        return self._digests.agree(item)

    def read(self, start: int, count: int) -> bytes:
        """A part of the content, all of it.

        Raises:
            BadInputError: the file changed.
        """
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(count)
        if len(data) != count:
            self._complain()
        return data

    def check(self) -> None:
        """Raise if the file is not as it was.

        Raises:
            BadInputError: it changed.
        """
        if self._look() != self._state:
            self._complain()

    def _look(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise BadInputError(
                f"{self.path} is gone ({error.strerror}).", "Give a file that is there and stays."
            ) from error
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _complain(self) -> None:
        raise BadInputError(
            f"{self.path} changed while it was sent.", "Send it when it is complete."
        )
