"""What drives are asked for and what they tell.

Belongs here: the values that all providers share, and what names mean. Does not
belong here: what a drive can do (``drive.py``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import datetime

__all__ = [
    "FILE_TYPES",
    "ROLES",
    "Changes",
    "DriveFile",
    "Page",
    "Permission",
    "Progress",
    "Quota",
    "file_type",
    "is_temporary",
]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

ROLES = ("reader", "commenter", "writer")
"""What a person may be given; the owner of a file stays what they are."""

FILE_TYPES = {
    "images": {".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"},
    "videos": {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm"},
    "documents": {".doc", ".docx", ".html", ".md", ".odt", ".pdf", ".ppt", ".pptx", ".txt"},
    "datasets": {".csv", ".json", ".jsonl", ".parquet", ".tsv", ".xlsx", ".yaml", ".zip"},
}
"""The kinds of files that people import, by extension."""

_TEMPORARY_SUFFIXES = (
    *(".part", ".partial", ".crdownload", ".download", ".filepart", ".opdownload"),
    *(".tmp", ".temp", ".swp", ".icloud"),
)
_TEMPORARY_NAMES = {"thumbs.db", "desktop.ini"}


@dataclasses.dataclass(frozen=True)
class DriveFile:
    """A file or folder of a drive.

    Attributes:
        id: The provider's id, good for every call.
        path: Folders and name from the drive's root, ``/`` between, NFC. Not
            unique everywhere: some providers have two files of one name.
        size: Bytes; 0 for a folder.
        version: Changes whenever the content may have changed, and with nothing
            else where the provider can tell (a rename, a new reader).
        modified: When the content was changed last, with time zone.
        media_type: ``video/mp4``; empty for a folder.
        sha256: Of the content where the provider tells it; otherwise empty.
        parent_id: Of the folder it is in; empty for what is in the drive's root.
        is_fresh: Whether it may change once more without a new version, because it
            was changed within the tick of the clock that versions are made of.
    """

    id: str
    path: str
    size: int
    version: str
    modified: datetime.datetime
    media_type: str
    is_folder: bool = False
    sha256: str = ""
    parent_id: str = ""
    is_fresh: bool = dataclasses.field(default=False, compare=False)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True)
class Page:
    """Some files of a listing; ``next_token`` is None on the last page."""

    files: tuple[DriveFile, ...]
    next_token: str | None


@dataclasses.dataclass(frozen=True)
class Changes:
    """One page of what changed since a token, in the order in which it did.

    Attributes:
        files: New, changed, renamed and moved files and folders, as they are now.
            What is in a folder that was moved or renamed need not be named.
        removed: Ids of what was trashed, deleted or can no longer be seen.
        token: Asks for what comes after this page.
        more: Whether there is more already; call again with ``token``.
    """

    files: tuple[DriveFile, ...]
    removed: tuple[str, ...]
    token: str
    more: bool = False


@dataclasses.dataclass(frozen=True)
class Permission:
    """Who may do what with a file or folder.

    Attributes:
        id: For :meth:`Drive.unshare`; empty where it cannot be taken back here,
            as the owner's, or one that comes from a folder above.
        kind: ``link`` is whoever has the link; ``domain`` everybody of an organisation.
        who: E-mail address of a person or group, or the domain; empty for a link.
        role: ``owner`` or one of :data:`ROLES`.
        expires: When it ends by itself; None is never.
        link: The address of a link.
        inherited: Whether it comes from a folder above.
    """

    id: str
    kind: Literal["person", "group", "domain", "link"]
    who: str
    role: str
    expires: datetime.datetime | None = None
    link: str = ""
    inherited: bool = False


@dataclasses.dataclass(frozen=True)
class Quota:
    """Bytes in use, and how many there may be (None: no limit is known)."""

    used: int
    total: int | None

    @property
    def free(self) -> int | None:
        """Bytes that may still be stored; None where no limit is known."""
        return None if self.total is None else max(self.total - self.used, 0)


def is_temporary(name: str) -> bool:
    """Whether a name is one of a hidden file, or of one that is still being written."""
    lower = name.lower()
    return (
        lower.startswith((".", "~$", "~lock"))
        or lower.endswith((*_TEMPORARY_SUFFIXES, "~"))
        or lower in _TEMPORARY_NAMES
    )


def file_type(name: str) -> str | None:
    """``images``, ``videos``, ``documents`` or ``datasets``, by the extension."""
    dot = name.rfind(".")
    extension = name[dot:].lower() if dot > 0 else ""
    return next((kind for kind, known in FILE_TYPES.items() if extension in known), None)
