"""What every drive can do: the interface that all providers implement.

Belongs here: the interface, its values, and rules that hold for all drives.
Does not belong here: any provider (``local.py`` and those that follow).
``tests/services/drive_contract.py`` is the suite that every provider passes.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import NotSupportedError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["FILE_TYPES", "Changes", "Drive", "DriveFile", "Page", "file_type", "is_temporary"]

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
        path: Folders and name from the drive's root, ``/`` between, NFC.
        size: Bytes; 0 for a folder.
        version: Changes whenever the content may have changed.
        modified: When the content was changed last, with time zone.
        media_type: ``video/mp4``; empty for a folder.
        sha256: Of the content where the provider knows it; otherwise empty.
    """

    id: str
    path: str
    size: int
    version: str
    modified: datetime.datetime
    media_type: str
    is_folder: bool = False
    sha256: str = ""

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
    """What changed since a token; ``token`` asks for what changes after this."""

    files: tuple[DriveFile, ...]
    removed: tuple[str, ...]
    token: str


class Drive(abc.ABC):
    """A place in the cloud, or a folder, that people share with Jarvis.

    Names are never trusted: what comes in is made safe, and nothing outside
    the drive's root can be named. Temporary files of browsers, editors and
    synchronisers, and hidden files, are not listed. ``folder_id`` None is the
    drive's root. All methods raise ``BadInputError`` for an id that does not
    exist, ``TransientError`` for an outage.
    """

    can_share = False
    """Whether the provider knows people to share with."""

    @abc.abstractmethod
    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """One page of a folder's files and folders, in a stable order."""

    def list_all(
        self, folder_id: str | None = None, *, recursive: bool = False
    ) -> Iterator[DriveFile]:
        """All files and folders of a folder, page after page."""
        token: str | None = None
        while True:
            page = self.list(folder_id, recursive=recursive, page_token=token)
            yield from page.files
            token = page.next_token
            if token is None:
                return

    @abc.abstractmethod
    def stat(self, file_id: str) -> DriveFile | None:
        """The file or folder, or None where it is gone."""

    @abc.abstractmethod
    def find(self, path: str) -> DriveFile | None:
        """The file or folder at a path from the root, in any Unicode form."""

    @abc.abstractmethod
    def sha256(self, file_id: str) -> str:
        """The SHA-256 of a file's content in hex; remembered while it is unchanged."""

    @abc.abstractmethod
    def changes(self, token: str | None = None) -> Changes:
        """Files new, changed and gone since ``token``; without one, all files."""

    @abc.abstractmethod
    def download(self, file_id: str, path: Path) -> DriveFile:
        """Fetch a file into ``path`` in one step, verified.

        Raises:
            TransientError: the file changed while it was fetched.
        """

    @abc.abstractmethod
    def upload(
        self,
        path: Path,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        replace: DriveFile | None = None,
    ) -> DriveFile:
        """Put a file into a folder; readers see all of it or nothing.

        A file of that name with the same content is returned as it is; one
        with other content is kept, and the new one becomes ``name (2)``.

        Args:
            name: Its name in the drive; None is the file's own.
            replace: A file that this one takes the place of, if it still has
                that version; otherwise it is kept like any other.
        """

    @abc.abstractmethod
    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """The folder of that name; an existing one is returned."""

    @abc.abstractmethod
    def move(
        self, file_id: str, folder_id: str | None = None, name: str | None = None
    ) -> DriveFile:
        """Move a file or folder, never over another; its name may become ``name (2)``."""

    @abc.abstractmethod
    def trash(self, file_id: str) -> None:
        """Take a file or folder out of the listing so that a person can bring it back."""

    @abc.abstractmethod
    def check(self) -> None:
        """Return when the drive can be used; otherwise raise with a remedy."""

    def share(self, file_id: str, people: Sequence[str], role: str = "reader") -> None:
        """Give people access to a file or folder.

        Raises:
            NotSupportedError: the provider cannot share.
        """
        raise NotSupportedError(
            f"This drive cannot share {file_id} with {', '.join(people)} as {role}.",
            "Share the folder with the means of the machine or provider it is on.",
        )

    def search(self, query: str) -> Sequence[DriveFile]:
        """Files whose text holds ``query``.

        Raises:
            NotSupportedError: the provider cannot search.
        """
        raise NotSupportedError(f"This drive cannot search for {query!r}.", "Search by name.")


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
