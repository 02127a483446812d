"""Contents to and from iCloud Drive.

Belongs here: bytes, in pieces, counted and hashed. Does not belong here: what
a file is called in the end (``changing.py``, ``drive.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from typing import IO, TYPE_CHECKING, Any

from jarvis_dagster.errors import NotSupportedError, TransientError
from jarvis_dagster.services.client_storage.icloud.faults import (
    GoneError,
    from_status,
    icloud_errors,
)
from jarvis_dagster.services.client_storage.icloud.names import interim
from jarvis_dagster.services.client_storage.icloud.session import sends_package
from jarvis_dagster.services.files import CHUNK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.icloud.client import ICloudClient
    from jarvis_dagster.services.client_storage.icloud.nodes import Node
    from jarvis_dagster.services.client_storage.icloud.tree import ICloudTree

__all__ = ["Transfer"]


class Transfer:
    """Sends and fetches contents."""

    def __init__(self, client: ICloudClient, tree: ICloudTree) -> None:
        self._client = client
        self._tree = tree

    def send(self, path: Path, folder: Node, name: str, progress: Progress | None = None) -> Node:
        """Send a file under a name that the listing leaves out; it is complete, but not checked.

        pyicloud does not tell the id of what it sent, nor whether the folder was
        still there: the name, which is unique, finds it in the folder's listing.
        """
        hidden = interim(name)
        status = path.stat()
        counted = _Counted(status.st_size, progress)
        was_tried = was_taken = False

        def attempt() -> Node:
            nonlocal was_tried, was_taken
            # Maybe only the answer was lost.
            there = self._tree.named(folder, hidden) if was_tried else None
            if there is None and not was_taken:
                was_tried = True
                self._client.call(name, put, changes=True)
                was_taken = True  # not sent again: iCloud may only be slow to list it
                there = self._tree.named(folder, hidden)
            if there is None:
                if self._tree.locate(folder.id) is None and folder.parent is not None:
                    raise GoneError(f"{folder.path} is not in iCloud Drive any more.")
                raise TransientError(f"iCloud did not take {name}.", "Try again later.")
            return there

        def put(service: Any) -> None:
            from pyicloud.services.drive import DriveNode

            with path.open("rb") as stream:
                named = _Named(stream, hidden, counted)
                DriveNode(service, folder.data).upload(named, mtime=status.st_mtime)

        sent = self._client.retry(attempt)
        counted.finish()
        return sent

    def fetch(self, node: Node, sink: IO[bytes] | None, progress: Progress | None = None) -> str:
        """Fetch a file's content into ``sink``, which can be rewound; its SHA-256.

        What broke off is taken up where it ended, if the server can.

        Args:
            sink: None only hashes.

        Raises:
            TransientError: it has another size than the listing says.
            NotSupportedError: it is a package.
        """
        counted = _Counted(node.size, progress)
        got = _Got(sink)

        def attempt() -> None:
            response = self._client.call(node.path, lambda service: opened(service, got.size))
            with contextlib.closing(response), icloud_errors(node.path):
                is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {got.size}-")
                if not is_rest:
                    got.restart()
                for chunk in response.iter_content(CHUNK_BYTES):
                    got.add(chunk)
                    counted.at(got.size)
            size = got.size
            if size != node.size:
                got.restart()
                raise TransientError(
                    f"{node.path} has {node.size} bytes; {size} came.", "Fetch it again."
                )

        def opened(service: Any, start: int) -> Any:
            from pyicloud.services.drive import DriveNode

            options = {"headers": {"Range": f"bytes={start}-"}} if start else {}
            response = DriveNode(service, node.data).open(stream=True, **options)
            if response.status_code == 410:
                response.close()
                raise TransientError(f"The address of {node.path} has expired.", "Try again.")
            if response.status_code >= 400:
                response.close()
                raise from_status(response.status_code, response.headers, node.path)
            if sends_package(service):
                response.close()
                raise NotSupportedError(
                    f"{node.path} is a folder that Apple shows as one file.",
                    "Save it as a ZIP or PDF, and put that into the drive.",
                )
            return response

        if node.size:  # pyicloud cannot open what is empty
            self._client.retry(attempt)
        counted.finish()
        return got.digest.hexdigest()


@dataclasses.dataclass
class _Got:
    """What came of a content so far."""

    sink: IO[bytes] | None
    size: int = 0
    digest: Any = dataclasses.field(default_factory=hashlib.sha256)

    def add(self, chunk: bytes) -> None:
        if self.sink is not None:
            self.sink.write(chunk)
        self.digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        if self.sink is not None:
            self.sink.seek(0)
            self.sink.truncate()
        self.size, self.digest = 0, hashlib.sha256()


class _Counted:
    """Tells the progress, which never goes back when a try is repeated."""

    def __init__(self, size: int, progress: Progress | None) -> None:
        self._size, self._progress, self._most = size, progress, 0

    def at(self, done: int) -> None:
        if self._progress is not None and done > self._most:
            self._most = done
            self._progress(done, self._size)

    def finish(self) -> None:
        if self._progress is not None and self._most != self._size:
            self._progress(self._size, self._size)


class _Named:
    """A file under another name: pyicloud sends the whole local path as the name."""

    def __init__(self, stream: IO[bytes], name: str, counted: _Counted) -> None:
        self._stream, self.name, self._counted = stream, name, counted

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._counted.at(self._stream.tell())
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
