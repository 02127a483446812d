"""Finding, opening and beginning a backup in a place.

Belongs here: the two copies of the header. Does not belong here: what is behind
it (``repository.py``), the passphrase (``passphrase.py``).
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.backup.keys import DamagedError, new_header, open_header
from jarvis_dagster.services.backup.repository import Catalogue, Repository

if TYPE_CHECKING:
    from pydantic import SecretStr

    from jarvis_dagster.services.backup.places import Place

__all__ = [
    "HEADERS",
    "NoBackupError",
    "begin_repository",
    "mend_header",
    "open_repository",
    "require_backup",
]

_LOG = logging.getLogger(__name__)
HEADERS = ("repository-copy.json", "repository.json")
"""In the order in which they are written first; either is enough."""


class NoBackupError(PermanentError):
    """There is no backup in the place."""


def require_backup(place: Place) -> None:
    """Return if there is something to open.

    Raises:
        NoBackupError: nothing is there.
        DamagedError: a backup is there that lost both copies of its header.
    """
    if any(place.get(name) is not None for name in HEADERS):
        return
    if any(place.list("snapshots/")) or any(place.list("packs/")):
        raise DamagedError(
            f"The backup at {place.where} has lost {' and '.join(HEADERS)}.",
            "Put one of them back from a copy of that place; nothing opens it without.",
        )
    raise NoBackupError(
        f"There is no backup at {place.where}.", "Check `backup.place`, or make one first."
    )


def open_repository(place: Place, passphrase: SecretStr) -> Repository:
    """Open what is there.

    Raises:
        NoBackupError: nothing is there.
        WrongKeyError: the passphrase is another one.
        DamagedError: no copy of the header is intact.
    """
    damaged: DamagedError | None = None
    for name in reversed(HEADERS):
        header = place.get(name)
        if header is None:
            continue
        try:
            return Repository(place, open_header(header, passphrase, place.where))
        except DamagedError as error:
            _LOG.warning("%s of the backup at %s is damaged.", name, place.where)
            damaged = error
    require_backup(place)
    raise damaged or NoBackupError(f"There is no backup at {place.where}.")


def begin_repository(place: Place, passphrase: SecretStr) -> Repository:
    """Make an empty backup where there is none. Needs the lock."""
    header, keys = new_header(passphrase)
    made = Repository(place, keys)
    made.write_catalogue(Catalogue(set(), set()))
    for name in HEADERS:
        place.put(name, header)
    return made


def mend_header(place: Place, passphrase: SecretStr) -> None:
    """Write a copy of the header that is damaged or missing again, from the other."""
    found = {name: place.get(name) for name in HEADERS}
    if len(set(found.values())) == 1:  # opened already
        return
    intact: bytes | None = None
    for header in found.values():
        with contextlib.suppress(DamagedError):
            if header is not None:
                open_header(header, passphrase, place.where)
                intact = header
    for name, header in found.items():
        if intact is not None and header != intact:
            place.put(name, intact)
