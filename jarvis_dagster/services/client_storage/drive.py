"""What every drive can do: the interface that all providers implement.

Belongs here: the interface. Does not belong here: its values (``values.py``), any
provider (``local.py``, ``google/``, ``icloud/``, ``onedrive/``).
``tests/services/drive_contract.py`` is the suite that every provider passes.
"""

from __future__ import annotations

import abc
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.services.client_storage.values import (
    FILE_TYPES,
    ROLES,
    Changes,
    DriveFile,
    Page,
    Permission,
    Progress,
    Quota,
    file_type,
    is_temporary,
)
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

__all__ = [
    "FILE_TYPES",
    "ROLES",
    "Changes",
    "Drive",
    "DriveFile",
    "Page",
    "Permission",
    "Progress",
    "Quota",
    "file_type",
    "is_temporary",
]


class Drive(abc.ABC):
    """A place in the cloud, or a folder, that people share with Jarvis.

    Names are never trusted: what comes in is made safe, and nothing outside
    the drive's root can be named. Temporary files of browsers, editors and
    synchronisers, and hidden files, are not listed. ``folder_id`` None is the
    drive's root. A drive may be used by several threads at once.

    A provider has to bring what is abstract; what else it can do better than the
    plain way here, it overrides.

    Every method raises ``BadInputError`` for an id that does not exist or is of
    the wrong kind, ``PermanentError`` for a refusal (no rights, no space), and
    ``TransientError`` for an outage that outlasted the provider's own retries.
    """

    can_share: ClassVar[bool] = False
    """Whether the provider knows people to share with."""

    can_search: ClassVar[bool] = False
    """Whether the provider can search by itself."""

    @abc.abstractmethod
    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """One page of a folder's files and folders.

        A page may be short or empty while ``next_token`` says that there is more.

        Raises:
            TransientError: the provider could not list all that there is.
        """

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
        """The file or folder, or None where it is gone or in the trash."""

    def find(self, path: str) -> DriveFile | None:
        """The file or folder at a path from the root, in any Unicode form.

        Of several with one name, the one that was there first.
        """
        wanted = unicodedata.normalize("NFC", path)
        found = [file for file in self.list_all(recursive=True) if file.path == wanted]
        return min(found, key=lambda file: (file.modified, file.id), default=None)

    def sha256(self, file_id: str) -> str:
        """The SHA-256 of a file's content in hex; remembered while it is unchanged."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "content"
            self.download(file_id, path)
            return sha256_file(path)

    def start_token(self) -> str:
        """A token for :meth:`changes` that stands for now.

        Whoever wants everything takes the token first, lists, and asks for the
        changes afterwards: then nothing falls between.

        Raises:
            NotSupportedError: the drive cannot tell changes.
        """
        raise NotSupportedError("This drive cannot tell what changed.", "List it again.")

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """One page of what changed since ``token``.

        At least once: the same change may be told again, and a change of a name
        or a reader may be told like one of the content; ``version`` tells which.

        Args:
            limit: About how many changes a page may hold.

        Raises:
            TokenExpiredError: the provider forgot; list everything again.
            BadInputError: the token is not one.
            NotSupportedError: the drive cannot tell changes.
        """
        raise NotSupportedError("This drive cannot tell what changed.", "List it again.")

    @abc.abstractmethod
    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """Fetch a file into ``path`` in one step, verified.

        Returns:
            The file as it was fetched: its version belongs to these bytes.

        Raises:
            TransientError: the file changed while it was fetched.
            NotSupportedError: it has no content of its own that can be fetched.
        """

    @abc.abstractmethod
    def upload(
        self,
        path: Path,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        replace: DriveFile | None = None,
        exact: bool = False,
        progress: Progress | None = None,
    ) -> DriveFile:
        """Put a file into a folder, verified; readers see all of it or nothing.

        A file of that name with the same content is returned as it is; one
        with other content is kept, and the new one becomes ``name (2)``.

        Args:
            name: Its name in the drive; None is the file's own.
            replace: A file that this one takes the place of, keeping its name
                and folder, if it still has that version; otherwise it is kept
                like any other. Its id may change with some providers.
            exact: Raise instead of taking another name or keeping both.

        Raises:
            ConflictError: ``exact``, and the name is taken by other content or
                ``replace`` is no longer what is there; nothing was changed.
        """

    @abc.abstractmethod
    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """The folder of that name; an existing one is returned."""

    @abc.abstractmethod
    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """Move a file or folder, never over another; its name may become ``name (2)``.

        Args:
            folder_id: Where to; None is the drive's root.
            name: Its new name; None keeps the one it has.
            exact: Raise ``ConflictError`` instead of taking another name.
        """

    @abc.abstractmethod
    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """Take a file or folder out of the listing so that a person can bring it back.

        Args:
            version: Only if the file still has it.

        Raises:
            ConflictError: it has another version; nothing was changed.
        """

    def check(self) -> None:
        """Return when the drive can be used; otherwise raise with a remedy."""
        self.list(page_size=1)

    def quota(self) -> Quota:
        """How much is stored and how much may be."""
        raise NotSupportedError(
            "This drive does not tell how much it holds.", "Look at the provider's own page."
        )

    def share(
        self,
        file_id: str,
        people: Sequence[str],
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Sequence[Permission]:
        """Give people access to a file or folder; a person who has that role keeps it.

        Args:
            people: E-mail addresses.
            role: One of :data:`ROLES`.
            expires: When the access ends, with time zone; None is never.

        Returns:
            One permission a person, in their order.

        Raises:
            NotSupportedError: the provider cannot share, or not so; nobody was
                given anything.
        """
        raise _no_sharing(file_id)

    def share_link(
        self,
        file_id: str,
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Permission:
        """A link by which anybody who has it can open the file or folder.

        Raises:
            NotSupportedError: the provider has no links, or not with that role or end.
        """
        raise _no_sharing(file_id)

    def unshare(self, file_id: str, permission_id: str) -> None:
        """Take a permission back; one that is gone already is no error.

        Raises:
            NotSupportedError: the provider cannot share.
        """
        raise _no_sharing(file_id)

    def permissions(self, file_id: str) -> Sequence[Permission]:
        """Who sees a file or folder, those that come from folders above included.

        Raises:
            NotSupportedError: the provider does not tell.
        """
        raise _no_sharing(file_id)

    def search(self, query: str, *, limit: int = 100) -> Sequence[DriveFile]:
        """Files whose name or text holds the words of ``query``, by the provider's own search.

        Raises:
            NotSupportedError: the provider cannot search.
        """
        raise NotSupportedError(
            f"This drive cannot search for {query!r} by itself.",
            "Use the search of Jarvis, which has an index of its own.",
        )


def _no_sharing(file_id: str) -> NotSupportedError:
    return NotSupportedError(
        f"This drive cannot share {file_id} with people or by link.",
        "Share the folder with the means of the machine or provider it is on.",
    )
