"""What Microsoft Graph tells of a file or folder, and what Jarvis makes of it.

Belongs here: ids, facets, ``driveItem`` as ``DriveFile``
(https://learn.microsoft.com/graph/api/resources/driveitem). Does not belong
here: requests.
"""

from __future__ import annotations

import dataclasses
import datetime
import mimetypes
import re
import unicodedata
from typing import Any, TypeAlias

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["Item", "Ref", "is_folder", "is_package", "to_file", "version_of"]

Item: TypeAlias = dict[str, Any]
"""A ``driveItem`` as the service tells it."""

_ID = re.compile(r"[A-Za-z0-9!_\-][A-Za-z0-9!_.\-]{0,127}")
_BETWEEN = "@"


@dataclasses.dataclass(frozen=True)
class Ref:
    """Where an item is.

    Attributes:
        item: Its id in its drive.
        drive: The other drive that it is in; empty for the drive itself.
        shortcut: The id of the shortcut in the drive itself that leads there.
    """

    item: str
    drive: str = ""
    shortcut: str = ""

    @classmethod
    def parse(cls, file_id: str) -> Ref:
        """The item of an id that a ``DriveFile`` has.

        Raises:
            BadInputError: it is none.
        """
        parts = file_id.split(_BETWEEN)
        if len(parts) not in (1, 3) or not all(_ID.fullmatch(part) for part in parts):
            raise BadInputError(
                f"{file_id!r} is not the id of a file or folder of OneDrive.",
                "`jarvis drive ls` lists what is there.",
            )
        return cls(*parts)

    @property
    def id(self) -> str:
        """The id that a ``DriveFile`` has."""
        return _BETWEEN.join((self.item, self.drive, self.shortcut)) if self.drive else self.item


def is_folder(item: Item) -> bool:
    """Whether it is a folder, here or in another drive."""
    return "folder" in (item.get("remoteItem") or item) and not is_package(item)


def is_package(item: Item) -> bool:
    """Whether it is a notebook or the like: a folder that only its application understands."""
    return "package" in (item.get("remoteItem") or item)


def version_of(item: Item) -> str:
    """What changes with the content alone; empty for a folder."""
    return "" if is_folder(item) else str(item.get("cTag") or item.get("eTag") or "")


def to_file(item: Item, ref: Ref, path: str, parent_id: str) -> DriveFile:
    """The item as the drive shows it.

    Args:
        path: Of the item, from the drive's root.
        parent_id: Empty for what is in the root.
    """
    facts = item.get("remoteItem") or item
    folder = is_folder(item)
    facet = facts.get("file") or {}
    name = path.rsplit("/", 1)[-1]
    guess = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = "application/msonenote" if is_package(item) else facet.get("mimeType") or guess
    return DriveFile(
        id=ref.id,
        path=unicodedata.normalize("NFC", path),
        size=0 if folder else int(facts.get("size") or 0),
        version=version_of(item),
        modified=_modified(facts),
        media_type="" if folder else str(media_type),
        is_folder=folder,
        sha256=str((facet.get("hashes") or {}).get("sha256Hash") or "").lower(),
        parent_id=parent_id,
    )


def _modified(item: Item) -> datetime.datetime:
    """When the content was changed, as its device says, otherwise the service."""
    told = (item.get("fileSystemInfo") or {}).get("lastModifiedDateTime")
    text = told or item.get("lastModifiedDateTime") or "1970-01-01T00:00:00Z"
    try:
        when = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)
    return when if when.tzinfo is not None else when.replace(tzinfo=datetime.UTC)
