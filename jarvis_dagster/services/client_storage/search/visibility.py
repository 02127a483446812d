"""Who may see what, as names that the index can compare.

Belongs here: readers out of a drive's permissions, and the names that an asker
goes by. Does not belong here: asking a drive (``indexing.py``), the filter
itself (``index.py``).
"""

from __future__ import annotations

import dataclasses
import re
import string
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.client_storage.drive import Permission

__all__ = ["NOBODY", "UNKNOWN", "Readers", "principals", "readers_of"]

_ADDRESS = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
# No more than what mail systems agree on: other folding makes two people one.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclasses.dataclass(frozen=True)
class Readers:
    """Those who may see a file, beside the operator.

    Attributes:
        until: By principal, when it ends in seconds since 1970; None is never.
        shared_here: Whether any of it was given to the file itself, not to a
            folder above, so that it can be taken back without a folder changing.
        sure: Whether the drive said so; otherwise it has to be asked again.
    """

    until: dict[str, float | None]
    shared_here: bool = False
    sure: bool = True

    @property
    def key(self) -> str:
        """The same for the same readers."""
        return "\n".join(f"{who}\t{'' if end is None else end}" for who, end in self._sorted())

    def _sorted(self) -> list[tuple[str, float | None]]:
        return sorted(self.until.items(), key=lambda item: item[0])


NOBODY = Readers({})
"""The operator alone."""

UNKNOWN = Readers({}, sure=False)
"""The operator alone, until the drive tells."""


def readers_of(permissions: Iterable[Permission]) -> Readers:
    """The readers whom a drive's permissions name.

    People and organisations. Not groups, whose members a drive does not tell,
    and not links, which only those may use who have them.
    """
    until: dict[str, float | None] = {}
    shared_here = False
    for permission in permissions:
        who = permission.who.strip().translate(_LOWER)
        if not who or permission.kind not in ("person", "domain"):
            continue
        principal = f"{permission.kind}:{who}"
        end = permission.expires.timestamp() if permission.expires else None
        before = until.get(principal, 0.0)
        until[principal] = None if end is None or before is None else max(end, before)
        if not permission.inherited and permission.role != "owner":
            shared_here = True
    return Readers(until, shared_here)


def principals(asker: str) -> tuple[str, str]:
    """What a person is called in permissions: themselves and their organisation.

    Raises:
        BadInputError: it is not an e-mail address.
    """
    address = asker.strip().translate(_LOWER)
    if not _ADDRESS.fullmatch(address):
        raise BadInputError(
            f"{asker!r} is not an e-mail address.", "Name the person who asks by their address."
        )
    return f"person:{address}", f"domain:{address.rpartition('@')[2]}"
