"""Names in iCloud Drive: what is given to new files, and what is made of theirs.

Belongs here: text. Does not belong here: looking at the drive.
"""

from __future__ import annotations

import secrets
import unicodedata

from jarvis_dagster.services.client_storage.names import split_name

__all__ = ["cleaned", "interim", "is_interim"]

_INTERIM = "~$jarvis-"


def cleaned(name: str) -> str:
    """A name of iCloud as one part of a path."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = name.replace("/", "_").replace("\0", "_")
    return f"_{name}" if name in ("", ".", "..") else name


def interim(name: str) -> str:
    """A name that nobody else has, for a file that is not complete; the listing leaves it out.

    The extension stays: iCloud decides by it what kind of file it is.
    """
    return f"{_INTERIM}{secrets.token_hex(8)}{split_name(name)[1]}"


def is_interim(name: str) -> bool:
    """Whether :func:`interim` made this name."""
    return name.startswith(_INTERIM)
