"""What a backup asks of the place that it is kept in.

Belongs here: the interface. Does not belong here: any place, or what is kept.
"""

from __future__ import annotations

import abc
import dataclasses
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

__all__ = ["Blob", "Place", "is_name"]

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*")


@dataclasses.dataclass(frozen=True)
class Blob:
    """One named piece of a backup; ``modified`` is by the place's clock."""

    name: str
    size: int
    modified: datetime.datetime


class Place(abc.ABC):
    """Named blobs of a few megabytes at most, in a flat name space.

    Names are lower-case letters, digits, ``.``, ``-``, with ``/`` between.
    All methods raise ``TransientError`` for an outage and ``PermanentError``
    for a refusal; they may be called from several threads.
    """

    where: str
    """The place, for messages; without secrets."""

    @abc.abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Keep ``data`` under ``name``, over what was there.

        A reader sees the old content or the new, never a part; after the return the data
        survive a crash of this process, and of the machine where the place can promise it.
        """

    @abc.abstractmethod
    def get(self, name: str) -> bytes | None:
        """What is kept under ``name``; None where there is nothing."""

    @abc.abstractmethod
    def list(self, prefix: str = "") -> Iterator[Blob]:
        """All blobs whose names begin with ``prefix``, in any order; nothing else."""

    @abc.abstractmethod
    def delete(self, name: str) -> None:
        """Remove a blob; one that is gone is no error."""

    def tidy(self) -> None:  # noqa: B027  # most places leave nothing behind
        """Remove what interrupted writes left behind. Called while nobody else writes."""


def is_name(name: str) -> bool:
    """Whether a blob may have this name."""
    return _NAME.fullmatch(name) is not None
