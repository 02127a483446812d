"""Questions to Google Drive about what is there.

Belongs here: one entry by its id, one page of a query, and the values that
say where to look. Does not belong here: what the answers mean (``look.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.services.client_storage.google.entries import FIELDS, checked_id
from jarvis_dagster.services.client_storage.google.faults import damaged

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = [
    "HIDDEN_ROOT",
    "QUERY_CHARACTERS",
    "Place",
    "Root",
    "fetch",
    "has_forms",
    "query_page",
    "whole",
]


QUERY_CHARACTERS = 1000
"""The longest query, as part of an address.

The client library turns a longer address into a POST, which not every proxy knows.
"""

HIDDEN_ROOT = "root"
"""The name of My Drive, whose id is not known where it may not be looked at."""

_TEXTS = ("id", "name", "mimeType", "headRevisionId", "md5Checksum", "sha256Checksum", "driveId")
_TIMES = ("modifiedTime", "createdTime")
_FORMS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys((*_TEXTS, *_TIMES), str),
    "size": (str, int),
    "trashed": bool,
    "parents": list,
    "shortcutDetails": dict,
}


@dataclasses.dataclass(frozen=True)
class Root:
    """The folder that is the drive's root, and the shared drive it is in, if any."""

    id: str
    drive_id: str

    @property
    def corpus(self) -> dict[str, Any]:
        """Where queries look."""
        where = {"corpora": "drive", "driveId": self.drive_id} if self.drive_id else {}
        return {**where, "supportsAllDrives": True, "includeItemsFromAllDrives": True}


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder in the drive.

    Attributes:
        id: Google's, of the folder itself.
        path: From the root; empty for the root.
        shown_id: The id that Jarvis shows: of the shortcut that leads there, or
            its own; empty for the root.
    """

    id: str
    path: str
    shown_id: str

    def below(self, name: str) -> str:
        """The path of something in it."""
        return f"{self.path}/{name}" if self.path else name


def fetch(api: GoogleApi, file_id: str, *, once: bool = False) -> Raw | None:
    """What Google says about an id now; None for what is not there or in the trash.

    Args:
        once: Inside of an attempt, which is tried again as a whole.
    """
    what = f"{file_id} cannot be looked up"
    try:
        checked_id(file_id)
        raw: Raw = (api.once if once else api.call)(
            what,
            lambda drive: drive.files().get(fileId=file_id, fields=FIELDS, supportsAllDrives=True),
        )
    except BadInputError:
        return None
    raw = whole(raw, what)
    return None if raw.get("trashed") else raw


def whole(raw: Any, what: str) -> Raw:
    """An answer that is an entry, with the fields that Google describes.

    Raises:
        TransientError: it is not.
    """
    if not isinstance(raw, dict) or not raw.get("id") or not has_forms(raw, _FORMS):
        raise damaged(what)
    if not all(isinstance(parent, str) for parent in raw.get("parents", [])):
        raise damaged(what)
    return raw


def has_forms(raw: Raw, forms: dict[str, type | tuple[type, ...]]) -> bool:
    """Whether what is there of these fields is of their types."""
    return all(isinstance(raw[name], form) for name, form in forms.items() if name in raw)


def query_page(api: GoogleApi, root: Root, query: str, token: str | None, size: int) -> Raw:
    """One page of what matches a query.

    Raises:
        TransientError: Google could not look everywhere.
    """
    what = "The drive cannot be listed"

    def attempt() -> Raw:
        answer: Raw = api.once(
            what,
            lambda drive: drive.files().list(
                q=query,
                pageSize=max(1, min(size, 1000)),
                fields=f"nextPageToken,incompleteSearch,files({FIELDS})",
                spaces="drive",
                **({"pageToken": token} if token else {}),
                **root.corpus,
            ),
        )
        if not isinstance(answer.get("files"), list):
            raise damaged(what)
        if answer.get("incompleteSearch"):
            raise TransientError(f"{what}: Google did not look everywhere.", "Try again later.")
        for raw in answer["files"]:
            whole(raw, what)
        return answer

    return api.run(attempt)
