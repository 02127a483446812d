"""What can be backed up.

Belongs here: the interface between a source and the making of a snapshot.
"""

from __future__ import annotations

import dataclasses
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator

__all__ = ["Content", "Item", "Source"]


@dataclasses.dataclass(frozen=True)
class Content:
    """An opened item: its bytes, and what is to be kept beside them.

    Attributes:
        stream: Read to its end, once.
        size: Bytes that the stream must have; None if nobody knows.
        fingerprint: Of what the stream gives; empty if it may be changing.
        meta: See :class:`~jarvis_dagster.services.backup.manifest.Entry`.
        is_whole: Asked at the end: whether all of it was one state of the item.
    """

    stream: IO[bytes]
    size: int | None
    fingerprint: str = ""
    meta: dict[str, str] = dataclasses.field(default_factory=dict)
    is_whole: Callable[[], bool] = lambda: True


@dataclasses.dataclass(frozen=True)
class Item:
    """Something to back up.

    Attributes:
        path, kind: As in an entry.
        size: Bytes as far as known, for progress.
        fingerprint: As of now, without reading the content.
        chunk_bytes: Size of the pieces; small where content changes in places.
        open: Yields the content, or None if the item is gone.
    """

    path: str
    kind: str
    size: int
    fingerprint: str
    chunk_bytes: int
    open: Callable[[], contextlib.AbstractContextManager[Content | None]]


class Source(Protocol):
    """Something that has items."""

    def items(self, note: Callable[[str], None]) -> Iterator[Item]:
        """The items, in the order in which they have to be read.

        Args:
            note: Takes a sentence on what cannot be backed up, and why.
        """
