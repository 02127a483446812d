"""Sending one content: encoded, whole or in parts, and verified.

Belongs here: which way a content of some size takes to the server. Does not
belong here: whether it must be sent at all (``objects.py``), the parts
(``uploads.py``), the encoding (``encoding.py``).
"""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.storage.compression import is_worth_it
from jarvis_dagster.services.storage.spool import Spool, Spooled
from jarvis_dagster.services.storage.stored import StoredObject
from jarvis_dagster.services.storage.uploads import Source, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.encoding import Content, Encoder
    from jarvis_dagster.services.storage.wire import Wire

    Progress = Callable[[int, int], None]

__all__ = ["Outgoing", "Sender"]


@dataclasses.dataclass(frozen=True)
class Outgoing:
    """A file on its way to an object.

    Attributes:
        progress: Called with the bytes that are stored and the file's size.
    """

    path: Path
    content: Content
    bucket: str
    key: str
    media_type: str
    progress: Progress | None = None

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def check(self, xxh3: str) -> None:
        """Raise ``BadInputError`` unless what was sent is what was hashed before."""
        if xxh3 != self.content.xxh3:
            raise BadInputError(
                f"{self.path} changed while it was being stored.", "Store it when it is complete."
            )

    def told(self, stored_size: int) -> Callable[[int], None] | None:
        """Progress in bytes of the content, from bytes as they are stored."""
        progress, size = self.progress, self.content.size
        if progress is None:
            return None
        return lambda sent: progress(min(size, sent * size // max(stored_size, 1)), size)


class Sender:
    """Sends contents. Thread-safe."""

    def __init__(
        self, config: StorageConfig, wire: Wire, encoder: Encoder, uploads: Uploads
    ) -> None:
        self._config = config
        self._wire = wire
        self._encoder = encoder
        self._uploads = uploads
        self._spool = Spool(config.spool_dir, config.retention.orphan_hours * 3600)

    def send(self, item: Outgoing, stream: IO[bytes]) -> None:
        """Send a file that is open as ``stream``; it is stored and verified when this returns.

        Raises:
            BadInputError: the file changed meanwhile; nothing of it is to be seen.
            TransientError: the store is away or did not keep what was sent.
            UploadGoneError: another process ended the upload that both were at.
        """
        if self._config.compression:
            worth = is_worth_it(stream, item.content.size, item.media_type, item.key)
            content = dataclasses.replace(item.content, compressed=worth)
            item = dataclasses.replace(item, content=content)
        if item.content.size <= self._uploads.part_bytes:
            stored_size = self._at_once(item, stream)
        elif item.content.compressed or self._encoder.encrypts:
            stored_size = self._spooled(item, stream)
        else:
            encoded = self._encoder.plan(item.bucket, item.key, item.content)
            stored_size = item.content.size
            self._in_parts(item, stream, stored_size, item.content.sha256, encoded.metadata)
        self._verify(item, stored_size)

    def _at_once(self, item: Outgoing, stream: IO[bytes]) -> int:
        encoded = self._encoder.plan(item.bucket, item.key, item.content)
        sink = io.BytesIO()
        item.check(encoded.write(stream, sink))
        data = sink.getvalue()
        self._wire.call(
            item.url,
            lambda: self._wire.put(
                *(item.bucket, item.key, data),
                media_type=item.media_type,
                metadata=encoded.metadata,
            ),
        )
        return len(data)

    def _spooled(self, item: Outgoing, stream: IO[bytes]) -> int:
        """By a file on the local disk: encrypting twice gives different bytes."""

        def encode(sink: IO[bytes]) -> dict[str, str]:
            encoded = self._encoder.plan(item.bucket, item.key, item.content)
            item.check(encoded.write(stream, sink))
            return dict(encoded.metadata)

        def is_usable(left: Spooled) -> bool:
            about = ("", item.media_type, left.metadata, datetime.now(UTC))
            stored = StoredObject(item.bucket, item.key, left.path.stat().st_size, *about)
            try:
                return self._encoder.content(stored) == item.content
            except PermanentError:  # its key is gone
                return False

        encrypts = str(self._encoder.encrypts)
        names = [self._config.endpoint, item.bucket, item.key, item.content.sha256, encrypts]
        with (
            self._spool.file(names, encode, is_usable) as spooled,
            spooled.path.open("rb") as ready,
        ):
            size = spooled.path.stat().st_size
            self._in_parts(item, ready, size, spooled.identity, spooled.metadata, encoded=True)
            return size

    def _in_parts(
        self,
        item: Outgoing,
        stream: IO[bytes],
        size: int,
        identity: str,
        metadata: Mapping[str, str],
        *,
        encoded: bool = False,
    ) -> None:
        source = Source(
            *(item.bucket, item.key, size, identity, item.media_type),
            metadata=metadata,
            check=(lambda _: None) if encoded else item.check,  # nobody changes a spool file
        )
        self._uploads.send(source, stream, item.told(size))

    def _verify(self, item: Outgoing, stored_size: int) -> None:
        stored = self._wire.call(item.url, lambda: self._wire.head(item.bucket, item.key))
        found = None if stored is None else self._encoder.content(stored)
        if stored is None or found != item.content or stored.size != stored_size:
            raise TransientError(
                f"{item.url} was sent, but the object store reports {found}.",
                "Check the object store's disk and log.",
            )
