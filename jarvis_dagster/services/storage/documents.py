"""Small JSON documents that several writers change: compare, then swap.

Belongs here: reading and writing one document, encrypted like all else, so
that of two writers at once one wins and the other is told. Does not belong
here: what a document says (``records.py``).

The swap is a conditional put (If-Match, If-None-Match) with the version that
was read. A server that ignores the conditions is found out by a probe; there,
writers announce themselves first (``claims.py``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConflictError, TransientError
from jarvis_dagster.services.storage.claims import (
    claimed,
    honours_conditional_deletes,
    honours_conditions,
)
from jarvis_dagster.services.storage.encoding import Content
from jarvis_dagster.services.storage.faults import DamagedError

if TYPE_CHECKING:
    from datetime import datetime

    from jarvis_dagster.services.storage.encoding import Encoder
    from jarvis_dagster.services.storage.wire import Wire

__all__ = ["Document", "Documents"]

_MEDIA_TYPE = "application/json"


@dataclasses.dataclass(frozen=True)
class Document:
    """What was read, in which version, and when that was written."""

    fields: dict[str, Any]
    version: str
    modified: datetime


class Documents:
    """Reads documents and swaps them. Thread-safe."""

    def __init__(self, wire: Wire, encoder: Encoder) -> None:
        self._wire = wire
        self._encoder = encoder
        self._honoured: bool | None = None
        self._lock = threading.Lock()

    def read(self, bucket: str, key: str) -> Document | None:
        """The document under ``key``; None where there is none.

        Raises:
            DamagedError: it is not as it was stored.
        """
        found = self._wire.read(bucket, key)
        if found is None:
            return None
        stored, raw = found
        content, read = self._encoder.reader(stored, _reader(raw))
        data = read(content.size + 1)
        fresh = hashlib.sha256(data).hexdigest()
        try:
            if len(data) != content.size or content.sha256 not in {"", fresh}:
                raise ValueError
            fields = json.loads(data)
            if not isinstance(fields, dict):
                raise TypeError
        except (ValueError, TypeError):
            raise DamagedError(f"{stored.url} is damaged.", "Restore it from a backup.") from None
        return Document(fields, stored.version, stored.modified)

    def swap(self, bucket: str, key: str, old: str, fields: dict[str, Any]) -> None:
        """Replace the version ``old`` (empty: none) by ``fields``.

        ``fields`` gets a ``token``, by which a writer whose answer was lost
        knows its own work again.

        Raises:
            ConflictError: another writer was quicker; nothing was changed.
        """
        token = secrets.token_hex(8)
        data = json.dumps({**fields, "token": token}, sort_keys=True).encode()
        content = Content(len(data), hashlib.sha256(data).hexdigest())
        encoded = self._encoder.plan_document(key, content)
        raw = encoded.to_bytes(data)
        url = f"s3://{bucket}/{key}"

        def put(condition: dict[str, str]) -> str:
            return self._wire.put(
                *(bucket, key, raw),
                media_type=_MEDIA_TYPE,
                metadata=encoded.metadata,
                condition=condition,
            )

        if not self._conditions(bucket):
            with claimed(self._wire, bucket, key):
                self._must_be(bucket, key, old)
                self._wire.call(url, lambda: put({}))
            return
        condition = {"If-Match": f'"{old}"'} if old else {"If-None-Match": "*"}
        try:
            version = self._wire.call(url, lambda: put(condition))
        except ConflictError:
            now = self.read(bucket, key)
            if now is not None and now.fields.get("token") == token:
                return  # an earlier try of ours had succeeded
            raise
        if not version:
            raise TransientError(
                f"{url} was sent, but the object store does not confirm it.",
                "Try again; look at the store's log if it stays so.",
            )

    def remove(self, bucket: str, key: str, old: str) -> None:
        """Delete the version ``old`` of a document; leaves it where that cannot be done safely.

        Raises:
            ConflictError: it was changed since; nothing was deleted.
        """
        url = f"s3://{bucket}/{key}"
        if self._conditions(bucket):
            if honours_conditional_deletes(self._wire, bucket):
                self._wire.call(url, lambda: self._wire.delete(bucket, key, version=old))
            return
        with claimed(self._wire, bucket, key):
            self._must_be(bucket, key, old)
            self._wire.call(url, lambda: self._wire.delete(bucket, key))

    def _conditions(self, bucket: str) -> bool:
        with self._lock:
            if self._honoured is None:
                self._honoured = self._wire.config.conditional_writes == "auto" and (
                    honours_conditions(self._wire, bucket)
                )
            return self._honoured

    def _must_be(self, bucket: str, key: str, version: str) -> None:
        url = f"s3://{bucket}/{key}"
        stored = self._wire.call(url, lambda: self._wire.head(bucket, key))
        if (stored.version if stored else "") != version:
            raise ConflictError(
                f"{url} was changed by another writer at the same time.",
                "Look at what is there now, then try again.",
            )


def _reader(raw: bytes) -> Any:
    import io

    return io.BytesIO(raw).read
