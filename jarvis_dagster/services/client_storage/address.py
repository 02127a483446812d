"""A place in a drive as people write it: ``club:Results/Final``.

Belongs here: reading it. Does not belong here: what is there.
"""

from __future__ import annotations

import dataclasses

__all__ = ["Address"]


@dataclasses.dataclass(frozen=True)
class Address:
    """A place in a drive: the drive's name, and a path from its root.

    >>> Address.parse("club:Results/Final", "local", {"local", "club"})
    Address(drive='club', path='Results/Final')
    >>> Address.parse("Results/Q: who won?", "local", {"local", "club"}).drive
    'local'
    """

    drive: str
    path: str

    @classmethod
    def parse(cls, text: str, default: str, known: set[str]) -> Address:
        """``NAME:PATH``, or a path in the drive named ``default``."""
        name, colon, path = text.partition(":")
        if not colon or name not in known:
            name, path = default, text
        return cls(name, "/".join(part for part in path.split("/") if part))

    def __str__(self) -> str:
        return f"{self.drive}:{self.path}"
