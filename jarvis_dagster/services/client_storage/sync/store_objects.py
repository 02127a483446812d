"""What lies below a prefix of the object store.

Belongs here: the few methods of the storage service that are used, and
descriptions of objects by their content. Does not belong here: folders and
names (``store_drive.py``).
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import logging
import mimetypes
import threading
from typing import TYPE_CHECKING, Any, Protocol

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Object", "ObjectStorage", "Objects"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8


class _Info(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def modified(self) -> datetime.datetime: ...


class _Content(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


class _Raw(Protocol):
    def iter_objects(self, bucket: str, prefix: str = "") -> Iterator[Any]: ...
    def stat(self, bucket: str, key: str) -> Any: ...
    def delete(self, bucket: str, key: str) -> None: ...


class ObjectStorage(Protocol):
    """What is asked of the storage service."""

    @property
    def raw(self) -> _Raw:
        """Objects with their versions; deletes them."""

    def put_file(
        self,
        key: str,
        path: str | Path,
        bucket: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> _Content:
        """Store a file, verified."""

    def get_file(self, key: str, path: str | Path, bucket: str | None = None) -> _Content:
        """Fetch a file, verified."""

    def stat(self, key: str, bucket: str | None = None) -> _Content | None:
        """Size and hash of the content."""


@dataclasses.dataclass(frozen=True)
class Object:
    """An object by its content; ``sha256`` is empty where Jarvis did not store it."""

    key: str
    size: int
    sha256: str
    version: str
    modified: datetime.datetime

    @property
    def media_type(self) -> str:
        """By the extension."""
        return mimetypes.guess_type(self.key)[0] or "application/octet-stream"


class Objects:
    """The objects of a bucket; what a version holds is asked once.

    Args:
        cache: The file in which that is remembered.
    """

    def __init__(self, storage: ObjectStorage, bucket: str, cache: Path) -> None:
        self.storage = storage
        self.bucket = bucket
        self._cache = cache
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, int, str]] | None = None

    def below(self, prefix: str) -> list[Object]:
        """Every object whose key begins with ``prefix``, in the order of keys."""
        infos: list[_Info] = list(self.storage.raw.iter_objects(self.bucket, prefix))
        known = self._load()
        new = [info for info in infos if known.get(info.key, ("",))[0] != info.version]
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = {
                info.key: found for info, found in zip(new, pool.map(self._ask, new), strict=True)
            }
        found = []
        for info in infos:
            if info.key in asked:
                told = asked[info.key]
            else:
                version, size, sha256 = known[info.key]
                told = Object(info.key, size, sha256, version, info.modified)
            if told is not None:
                found.append(told)
        if new:
            self._save()
        return found

    def _ask(self, info: _Info) -> Object | None:
        return self.get(info.key)

    def get(self, key: str) -> Object | None:
        """One object; None where there is none."""
        for _ in range(5):
            before = self.storage.raw.stat(self.bucket, key)
            content = self.storage.stat(key, self.bucket)
            after = self.storage.raw.stat(self.bucket, key)
            if before is None and after is None:
                return None
            if before and after and content and before.version == after.version:
                told = Object(key, content.size, content.sha256, after.version, after.modified)
                with self._lock:
                    self._load_once()[key] = (told.version, told.size, told.sha256)
                return told
        raise TransientError(f"s3://{self.bucket}/{key} changes all the time.", "Try again later.")

    def _load(self) -> dict[str, tuple[str, int, str]]:
        with self._lock:
            return dict(self._load_once())

    def _load_once(self) -> dict[str, tuple[str, int, str]]:
        if self._known is None:
            self._known = {}
            try:
                if self._cache.is_file():
                    rows = json.loads(self._cache.read_text("utf-8"))
                    self._known = {key: (row[0], row[1], row[2]) for key, row in rows.items()}
            except (OSError, ValueError, LookupError) as error:
                _LOG.warning("%s is not readable (%s); asking anew.", self._cache, error)
        return self._known

    def _save(self) -> None:
        with atomic_path(self._cache) as partial:
            partial.write_text(json.dumps(self._load()), "utf-8")
