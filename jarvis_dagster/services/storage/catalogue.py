"""The records in the store: found by id or name, and changed one step at a time.

Belongs here: ids, keys of records, reading all of them, and the change of one.
Does not belong here: content (``objects.py``), what a change means
(``records.py``).

An id is 32 hexadecimal digits: 16 for kind, component, experiment and name,
which find the record ``records/{kind}/{16 digits}.json``, and 16 for the
content. Records of before there were versions are named by the whole id.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import itertools
import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError
from jarvis_dagster.services.files import safe_name
from jarvis_dagster.services.storage.faults import DamagedError
from jarvis_dagster.services.storage.records import Record, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.documents import Documents
    from jarvis_dagster.services.storage.raw import RawObjects
    from jarvis_dagster.services.storage.stored import ObjectInfo

__all__ = [
    "KINDS",
    "RECORDS_PREFIX",
    "Catalogue",
    "Found",
    "content_digits",
    "line_of",
    "logical_name",
    "new_version",
    "now",
]

KINDS = ("artifacts", "models", "datasets", "logs", "reports")
RECORDS_PREFIX = "records/"
_ID = re.compile(r"[0-9a-f]{32}")
_LINE_DIGITS = 16
_READ_AT_ONCE = 4


class Found(NamedTuple):
    """A record as it was read: where, and which version of the document."""

    bucket: str
    key: str
    record: Record
    version: str
    modified: datetime


def line_of(kind: str, name: str, component: str | None, experiment_id: str | None) -> str:
    """The first half of the ids of a logical name."""
    named = json.dumps([kind, component, experiment_id, name])
    return hashlib.sha256(named.encode()).hexdigest()[:_LINE_DIGITS]


def content_digits(sha256: str) -> str:
    """The second half of the ids of a content."""
    return hashlib.sha256(b"content" + sha256.encode()).hexdigest()[:_LINE_DIGITS]


def logical_name(name: str) -> str:
    """``name`` in composed Unicode (NFC).

    Raises:
        BadInputError: it could not be the name of a file everywhere.
    """
    composed = unicodedata.normalize("NFC", name)
    if safe_name(composed) != composed:
        raise BadInputError(
            f"{name[:80]!r} cannot be the name of what is stored.",
            "Use letters, digits, spaces and dots, at most 200 bytes, without slashes.",
        )
    return composed


class Catalogue:
    """All records of a store. Thread-safe."""

    def __init__(self, config: StorageConfig, raw: RawObjects, documents: Documents) -> None:
        self._config = config
        self._raw = raw
        self._documents = documents

    def bucket(self, kind: str) -> str:
        """The bucket of a kind.

        Raises:
            BadInputError: there is no such kind.
        """
        buckets = {
            "artifacts": self._config.artifacts_bucket,
            "reports": self._config.artifacts_bucket,
            "models": self._config.models_bucket,
            "datasets": self._config.datasets_bucket,
            "logs": self._config.logs_bucket,
        }
        if kind not in buckets:
            raise BadInputError(f"{kind!r} is not a kind.", f"Use one of {', '.join(KINDS)}.")
        return buckets[kind]

    def find(self, item_id: str, kinds: tuple[str, ...] = KINDS) -> Found | None:
        """The record with a version of this id; None where there is none."""
        if not _ID.fullmatch(item_id):
            return None
        for kind in kinds:
            for named in (item_id[:_LINE_DIGITS], item_id):
                found = self._read(kind, f"{RECORDS_PREFIX}{kind}/{named}.json")
                if found is not None and found.record.of(item_id):
                    return found
        return None

    def named(
        self, kind: str, name: str, component: str | None, experiment_id: str | None
    ) -> Found:
        """The record of a logical name; an empty one where there is none yet."""
        line = line_of(kind, name, component, experiment_id)
        found = self.at(kind, f"{RECORDS_PREFIX}{kind}/{line}.json")
        named = (name, component, experiment_id)
        record = found.record
        if record.last == 0:  # made to mark leftovers, by who did not know the name
            record = dataclasses.replace(
                record, name=name, component=component, experiment_id=experiment_id
            )
        if (record.name, record.component, record.experiment_id) != named:
            raise BadInputError(
                f"The names {name!r} and {record.name!r} have the same id.", "Rename one."
            )
        return found._replace(record=record)

    def at(self, kind: str, key: str) -> Found:
        """The record with this object key; an empty one where there is none."""
        empty = Found(self.bucket(kind), key, Record(kind, "", None, None), "", now())
        return self._read(kind, key) or empty

    def _read(self, kind: str, key: str) -> Found | None:
        bucket = self.bucket(kind)
        document = self._documents.read(bucket, key)
        if document is None:
            return None
        try:
            record = Record.from_json(document.fields, document.modified)
        except (KeyError, TypeError, ValueError):
            raise DamagedError(
                f"The record s3://{bucket}/{key} is damaged.", "Restore it from a backup."
            ) from None
        return Found(bucket, key, record, document.version, document.modified)

    def all(
        self, kind: str, unreadable: Callable[[PermanentError], None] | None = None
    ) -> Iterator[Found]:
        """Every record of a kind.

        Args:
            unreadable: Told of each record that cannot be read, which is then left out.

        Raises:
            DamagedError: one of them is not as it was stored, and nobody is told.
        """

        def read(info: ObjectInfo) -> Found | PermanentError | None:
            try:
                return self._read(kind, info.key)
            except PermanentError as error:
                if unreadable is None:
                    raise
                return error

        listed = self._raw.iter_objects(self.bucket(kind), f"{RECORDS_PREFIX}{kind}/")
        with concurrent.futures.ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            while some := list(itertools.islice(listed, 100)):
                for found in pool.map(read, some):
                    if isinstance(found, PermanentError):
                        assert unreadable is not None
                        unreadable(found)
                    elif found is not None:  # else it was deleted since it was listed
                        yield found

    def change(self, found: Found, change: Callable[[Record], Record]) -> Record:
        """Change a record as it was read, in one step.

        Raises:
            ConflictError: another writer changed it since; nothing was done.
        """
        changed = change(found.record)
        if changed != found.record or not found.version:
            self._documents.swap(found.bucket, found.key, found.version, changed.to_json())
        return changed

    def rewrite(self, bucket: str, key: str) -> bool:
        """Write a record again as it is, sealed by the current key; False if it is gone.

        Raises:
            ConflictError: another writer changed it at the same time.
        """
        document = self._documents.read(bucket, key)
        if document is None:
            return False
        self._documents.swap(bucket, key, document.version, document.fields)
        return True

    def remove(self, found: Found) -> None:
        """Remove a record that was read, unless it was changed since."""
        with contextlib.suppress(ConflictError):
            self._documents.remove(found.bucket, found.key, found.version)


def now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def new_version(
    item_id: str, key: str, size: int, sha256: str, metadata: dict[str, Any]
) -> Version:
    """A version without a number yet."""
    return Version(0, item_id, key, size, sha256, now(), metadata)
