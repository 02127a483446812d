"""The data keys: a random one for each object, wrapped by a key of the operator.

Belongs here: how data keys are kept, found and wrapped anew. Does not belong
here: the operator's keys (``key_sources.py``), the encryption (``sealing.py``).

The wrapped key of a file is an object of its own, ``.jarvis/keys/{hash of the
object's key}/{id}.json``, written before the file and named in the file's
metadata. So a rotation rewrites a hundred bytes an object, and replacing an
object switches its data key in the same step. Small documents carry their
wrapped key in their own metadata.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.storage.faults import DamagedError
from jarvis_dagster.services.storage.key_sources import Wrapped
from jarvis_dagster.services.storage.sealing import Sealer, new_data_key

if TYPE_CHECKING:
    from jarvis_dagster.services.storage.key_sources import KeySource
    from jarvis_dagster.services.storage.wire import Wire

__all__ = ["KEYS_PREFIX", "DataKeys", "key_folder", "unwrapped", "wrapped_fields"]

KEYS_PREFIX = ".jarvis/keys/"
_REMEMBERED = 1024


def key_folder(key: str) -> str:
    """Where the data keys of the object ``key`` are."""
    return f"{KEYS_PREFIX}{hashlib.sha256(key.encode()).hexdigest()[:32]}/"


def wrapped_fields(source: KeySource, data_key: bytes, bound_to: str) -> dict[str, str]:
    """A data key as JSON fields."""
    wrapped = source.wrap(data_key, bound_to)
    return {"by": wrapped.by, "wrapped": base64.b64encode(wrapped.data).decode()}


def unwrapped(source: KeySource | None, fields: dict[str, Any], bound_to: str) -> bytes:
    """The data key of :func:`wrapped_fields`.

    Raises:
        PermanentError: the key it needs is not here.
        DamagedError: the fields were changed.
    """
    if source is None:
        raise PermanentError(
            f"{bound_to} is encrypted with the key {fields.get('by')}, and there is no key here.",
            "Set storage.encryption (see docs/storage.md) as where it was written.",
        )
    try:
        wrapped = Wrapped(str(fields["by"]), base64.b64decode(fields["wrapped"], validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise DamagedError(
            f"The data key of {bound_to} is damaged.", "Restore it from a backup."
        ) from None
    return source.unwrap(wrapped, bound_to)


class DataKeys:
    """The data keys of files. Thread-safe."""

    def __init__(self, wire: Wire, source: KeySource | None) -> None:
        self._wire = wire
        self.source = source
        self._known: OrderedDict[tuple[str, str, str], Sealer] = OrderedDict()
        self._lock = threading.Lock()

    def create(self, bucket: str, key: str) -> tuple[str, Sealer]:
        """A new data key for the object; it is in the store when this returns."""
        assert self.source is not None
        number, data_key = secrets.token_hex(8), new_data_key()
        fields = {"v": 1, "object": key, **wrapped_fields(self.source, data_key, _bound(key))}
        path = f"{key_folder(key)}{number}.json"
        self._wire.call(
            f"s3://{bucket}/{path}",
            lambda: self._wire.put(
                bucket, path, json.dumps(fields).encode(), media_type="application/json"
            ),
        )
        sealer = Sealer(data_key)
        self._remember((bucket, key, number), sealer)
        return number, sealer

    def find(self, bucket: str, key: str, number: str) -> Sealer:
        """The data key of the object.

        Raises:
            PermanentError: the operator's key that it needs is not here.
            DamagedError: it is lost or changed.
        """
        with self._lock:
            known = self._known.get((bucket, key, number))
        if known is not None:
            return known
        path = f"{key_folder(key)}{number}.json"
        found = self._wire.read(bucket, path)
        if found is None:
            raise DamagedError(
                f"s3://{bucket}/{key} has lost its data key ({path}).", "Restore it from a backup."
            )
        sealer = Sealer(unwrapped(self.source, self._fields(bucket, key, found[1]), _bound(key)))
        self._remember((bucket, key, number), sealer)
        return sealer

    def check(self, bucket: str, path: str) -> None:
        """Unwrap the data key at ``path``.

        Raises:
            PermanentError: the operator's key that it needs is not here.
            DamagedError: it was changed.
        """
        found = self._wire.read(bucket, path)
        if found is not None:
            fields = self._fields(bucket, path, found[1])
            Sealer(unwrapped(self.source, fields, _bound(str(fields.get("object"))))).check()

    def rewrap(self, bucket: str, path: str) -> bool:
        """Wrap the data key at ``path`` by the current key; False if it is already.

        Raises:
            PermanentError: the key that wrapped it is not here.
            DamagedError: it was changed.
        """
        assert self.source is not None
        stored = self._wire.read(bucket, path)
        if stored is None:  # its object was replaced meanwhile
            return False
        info, raw = stored
        fields = self._fields(bucket, path, raw)
        if fields.get("by") == self.source.current:
            return False
        bound_to = _bound(str(fields.get("object")))
        data_key = unwrapped(self.source, fields, bound_to)
        fields |= wrapped_fields(self.source, data_key, bound_to)
        self._wire.call(
            f"s3://{bucket}/{path}",
            lambda: self._wire.put(
                bucket,
                path,
                json.dumps(fields).encode(),
                media_type="application/json",
                condition={"If-Match": f'"{info.version}"'},
            ),
        )
        return True

    def _fields(self, bucket: str, key: str, raw: bytes) -> dict[str, Any]:
        try:
            fields: dict[str, Any] = json.loads(raw)
            if fields["v"] != 1:
                raise ValueError
        except (ValueError, TypeError, KeyError):
            raise DamagedError(
                f"The data key of s3://{bucket}/{key} is damaged.", "Restore it from a backup."
            ) from None
        return fields

    def _remember(self, at: tuple[str, str, str], sealer: Sealer) -> None:
        with self._lock:
            self._known[at] = sealer
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


def _bound(key: str) -> str:
    return f"object {key}"
