"""Names in iCloud Drive: what is given to new files, and what is made of theirs.

Belongs here: text. Does not belong here: looking at the drive.
"""

from __future__ import annotations

import secrets
import unicodedata

from jarvis_dagster.services.files import safe_name

__all__ = ["cleaned", "interim", "is_interim", "numbered", "visible"]

_INTERIM = "~$jarvis-"


def visible(name: str) -> str:
    """A safe name that the listing does not leave out."""
    name = safe_name(name)
    return f"_{name}" if name.startswith((".", "~")) else name


def cleaned(name: str) -> str:
    """A name of iCloud as one part of a path."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = name.replace("/", "_").replace("\0", "_")
    return f"_{name}" if name in ("", ".", "..") else name


def numbered(name: str, number: int, *, is_folder: bool = False) -> str:
    """``name (2).mp4`` for the second."""
    if number == 1:
        return name
    stem, extension = split(name, is_folder=is_folder)
    return f"{stem} ({number}){extension}"


def interim(name: str) -> str:
    """A name that nobody else has, for a file that is not complete; the listing leaves it out.

    The extension stays: iCloud decides by it what kind of file it is.
    """
    return f"{_INTERIM}{secrets.token_hex(8)}{split(name)[1]}"


def is_interim(name: str) -> bool:
    """Whether :func:`interim` made this name."""
    return name.startswith(_INTERIM)


def split(name: str, *, is_folder: bool = False) -> tuple[str, str]:
    """Stem and extension, with its dot."""
    stem, dot, extension = name.rpartition(".")
    return (stem, f".{extension}") if stem and dot and not is_folder else (name, "")
