"""What a snapshot holds: entries, in pages, named by a manifest.

Belongs here: these values and their written form. Does not belong here: where
they are kept (``repository.py``).

The entries of a snapshot are cut into pages where the hash of a path says so,
so that one changed file changes one page, and the others are shared with the
snapshot before.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.keys import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Entry", "Snapshot", "from_page", "pages_of"]

_PAGE_MEAN, _PAGE_MOST = 256, 1024


@dataclasses.dataclass(frozen=True)
class Entry:
    """One file, object or database of a snapshot.

    Attributes:
        path: Unique in the snapshot: ``objects/bucket/key``, ``data/path``,
            ``settings/name`` or ``postgres/name``.
        kind: ``object``, ``file``, ``sqlite``, ``settings`` or ``postgres``.
        size: Bytes.
        sha256: Of the whole content, in hex.
        chunks: Names of its pieces, in order.
        fingerprint: Equal as long as the content surely is; empty if nobody can tell.
        meta: S3 headers of an object; mode and time of a file.
    """

    path: str
    kind: str
    size: int
    sha256: str
    chunks: tuple[str, ...]
    fingerprint: str = ""
    meta: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def bucket_and_key(self) -> tuple[str, str]:
        """Of an object."""
        _, bucket, key = self.path.split("/", 2)
        return bucket, key


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state at one point in time.

    Attributes:
        id: Sorts by time.
        created: When everything in it had been read.
        pages: Names of its pages, in order.
        entries, size: How many, and how many bytes together.
        new_bytes: What its making added to the place.
        notes: What could not be taken and why, in sentences.
    """

    id: str
    created: datetime.datetime
    pages: tuple[str, ...]
    entries: int
    size: int
    new_bytes: int
    notes: tuple[str, ...] = ()

    def dumps(self) -> bytes:
        """Its written form."""
        content = {**dataclasses.asdict(self), "created": self.created.isoformat()}
        return json.dumps(content, sort_keys=True).encode()

    @classmethod
    def loads(cls, data: bytes, name: str) -> Snapshot:
        """What :meth:`dumps` wrote."""
        try:
            content = json.loads(data)
            content["created"] = datetime.datetime.fromisoformat(content["created"])
            content["pages"], content["notes"] = tuple(content["pages"]), tuple(content["notes"])
            return cls(**content)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{name} of the backup cannot be understood ({error}).",
                "Restore another snapshot; `jarvis backup verify` tells which are whole.",
            ) from error


def pages_of(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as pages, sorted by path."""
    page: list[str] = []
    for entry in sorted(entries, key=lambda one: one.path):
        page.append(json.dumps(vars(entry), sort_keys=True, separators=(",", ":")))
        if len(page) >= _PAGE_MOST or _is_cut(entry.path):
            yield "\n".join(page).encode()
            page = []
    if page:
        yield "\n".join(page).encode()


def from_page(data: bytes, name: str) -> Iterator[Entry]:
    """The entries of a page."""
    try:
        for line in data.split(b"\n"):
            content = json.loads(line)
            content["chunks"] = tuple(content["chunks"])
            yield Entry(**content)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{name} of the backup cannot be understood ({error}).",
            "Restore another snapshot; `jarvis backup verify` tells which are whole.",
        ) from error


def _is_cut(path: str) -> bool:
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4]) % _PAGE_MEAN == 0
