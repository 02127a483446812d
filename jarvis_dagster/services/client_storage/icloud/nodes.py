"""What iCloud says about a file or folder.

Belongs here: reading one entry of a listing. Does not belong here: requests.
"""

from __future__ import annotations

import dataclasses
import datetime
import mimetypes
import re
from typing import Any

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.client_storage.drive import DriveFile
from jarvis_dagster.services.client_storage.icloud.names import cleaned

__all__ = ["NO_DATE", "TOP", "Node", "is_id"]

_ID = re.compile(r"[A-Z][A-Z_]*::[^\s/\\\x00]+::[^\s/\\\x00]+")
_PAIR = re.compile(r"([0-9a-z]+)::([0-9a-z]+)")
_ZONE = "com.apple.CloudDocs"
NO_DATE = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""Stands for a time that iCloud does not tell."""


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """A file or folder as a listing of ``parent`` has it; the drive's root has no parent."""

    data: dict[str, Any]
    parent: Node | None = None

    @classmethod
    def of(cls, data: Any, parent: Node) -> Node:
        """The node of an entry.

        Raises:
            TransientError: it is no entry.
        """
        if not isinstance(data, dict) or not is_id(str(data.get("drivewsid"))):
            raise TransientError(
                f"iCloud listed something unknown in {parent.path or 'the drive'}.",
                "Try again later.",
            )
        _, zone, docwsid = data["drivewsid"].split("::", 2)
        data = {"zone": zone, "docwsid": docwsid, "etag": "", "name": docwsid, **data}
        if "_IN_SHARED_FOLDER" in data["drivewsid"]:  # what is in somebody's folder is theirs
            inherited = {
                key: parent.data[key] for key in ("shareID", "owner") if key in parent.data
            }
            data = {**inherited, **data}
        return cls(data, parent)

    @property
    def id(self) -> str:
        """The drivewsid; the docwsid alone is not unique among the folders of apps."""
        return str(self.data["drivewsid"])

    @property
    def name(self) -> str:
        """The name with its extension, safe as one part of a path."""
        name, extension = str(self.data["name"]), self.data.get("extension")
        return cleaned(name if extension is None else f"{name}.{extension}")

    @property
    def path(self) -> str:
        """From the drive's root."""
        if self.parent is None:
            return ""
        return f"{self.parent.path}/{self.name}".lstrip("/")

    @property
    def is_folder(self) -> bool:
        """Whether it holds others; the folders of apps and shared ones have types of their own."""
        return not str(self.data.get("type") or self.id).upper().startswith("FILE")

    @property
    def size(self) -> int:
        """Bytes; iCloud leaves it out of empty files and folders."""
        try:
            return 0 if self.is_folder else int(self.data.get("size") or 0)
        except ValueError:
            return 0

    @property
    def version(self) -> str:
        """Changes with the content.

        A file's entity tag is two counters in base 36, ``2k::2j``: the last
        change of any kind, and that of the content. Where it does not look so,
        all of it counts; so do the size and the time, which iCloud tells as well.
        """
        if self.is_folder:
            return ""
        etag = str(self.data["etag"])
        pair = _PAIR.fullmatch(etag)
        if pair and int(pair[2], 36) <= int(pair[1], 36):
            etag = pair[2]
        return f"{self.data['docwsid']}:{etag}:{self.size:x}:{self.data.get('dateModified', '')}"

    @property
    def created(self) -> datetime.datetime:
        """When it came into the drive."""
        return _date(self.data.get("dateCreated")) or NO_DATE

    @property
    def modified(self) -> datetime.datetime:
        """When the content was changed."""
        dates = (_date(self.data.get(key)) for key in ("dateModified", "dateChanged"))
        return next((date for date in dates if date), self.created)

    def above(self) -> list[Node]:
        """The folder it is in and those above, the drive's root last."""
        return [] if self.parent is None else [self.parent, *self.parent.above()]

    def describe(self) -> DriveFile:
        """As all drives do."""
        parent = self.parent
        media_type = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        return DriveFile(
            *(self.id, self.path, self.size, self.version, self.modified),
            media_type="" if self.is_folder else media_type,
            is_folder=self.is_folder,
            parent_id=parent.id if parent is not None and parent.parent is not None else "",
        )


TOP = Node(
    {
        "drivewsid": f"FOLDER::{_ZONE}::root",
        "docwsid": "root",
        "zone": _ZONE,
        "name": "",
        "type": "FOLDER",
    }
)
"""The root of iCloud Drive."""


def is_id(text: str) -> bool:
    """Whether a text can be the id of anything in iCloud Drive."""
    return _ID.fullmatch(text) is not None


def _date(text: Any) -> datetime.datetime | None:
    """A time in UTC; iCloud uses Z and the offset of California side by side."""
    try:
        date = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return date.astimezone(datetime.UTC)
