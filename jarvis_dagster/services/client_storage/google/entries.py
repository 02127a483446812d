"""What Google says about a file, as a file of Jarvis.

Belongs here: names, kinds, versions and hashes of one entry. Does not belong
here: where it is (``look.py``), any request.
"""

from __future__ import annotations

import datetime
import mimetypes
import re
import unicodedata
from typing import Any, TypeAlias

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.drive import DriveFile
from jarvis_dagster.services.client_storage.google.faults import damaged

__all__ = [
    "FIELDS",
    "FOLDER",
    "SHORTCUT",
    "Raw",
    "age",
    "checked_id",
    "describe",
    "export_type",
    "is_native",
    "name_forms",
    "own_name",
    "parent_of",
    "quoted",
    "shown_name",
    "version_of",
]

Raw: TypeAlias = dict[str, Any]
"""A ``File`` of the Drive API."""

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
_NATIVE = "application/vnd.google-apps."

FIELDS = (
    "id,name,mimeType,parents,trashed,size,md5Checksum,sha256Checksum,headRevisionId,"
    "modifiedTime,createdTime,driveId,shortcutDetails(targetId,targetMimeType)"
)
"""What is asked for of every file."""

_OFFICE = "application/vnd.openxmlformats-officedocument"
_EXPORTS = {
    f"{_NATIVE}document": (f"{_OFFICE}.wordprocessingml.document", ".docx"),
    f"{_NATIVE}spreadsheet": (f"{_OFFICE}.spreadsheetml.sheet", ".xlsx"),
    f"{_NATIVE}presentation": (f"{_OFFICE}.presentationml.presentation", ".pptx"),
    f"{_NATIVE}drawing": ("application/pdf", ".pdf"),
}
_ID = re.compile(r"[\w\-.:~=!+@$]{1,256}", re.ASCII)
# A name may hold a slash, or be one or two dots, only at Google. The wide
# forms look the same and mean nothing to a file system.
_WIDE = str.maketrans({"/": "\uff0f"})


def checked_id(file_id: str) -> str:
    """An id that can be one.

    Raises:
        BadInputError: it would change the address that is asked.
    """
    if not _ID.fullmatch(file_id) or not file_id.strip("."):
        raise BadInputError(
            f"{file_id!r} is not the id of a file in Google Drive.",
            "`jarvis drive ls` lists what is there.",
        )
    return file_id


def quoted(text: str) -> str:
    """A text as a literal of a search query."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def parent_of(raw: Raw) -> str:
    """The id of the folder that an entry is in; empty where that cannot be seen."""
    parents = raw.get("parents") or [""]
    return str(parents[0])


def age(raw: Raw) -> tuple[str, str]:
    """Sorts entries by which was there first."""
    return str(raw.get("createdTime", "")), str(raw.get("id", ""))


def is_native(raw: Raw) -> bool:
    """Whether it is a document of Google, which has no bytes of its own."""
    return str(raw.get("mimeType", "")).startswith(_NATIVE)


def export_type(raw: Raw) -> str | None:
    """The media type that a document of Google is fetched as; None if it cannot be."""
    known = _EXPORTS.get(str(raw.get("mimeType", "")))
    return known[0] if known else None


def shown_name(raw: Raw) -> str:
    """The name that Jarvis shows: one part of a path, NFC, with the extension of an export."""
    kind = (raw.get("shortcutDetails") or {}).get("targetMimeType") or raw.get("mimeType")
    name = own_name(raw)
    extension = _EXPORTS.get(str(kind), ("", ""))[1]
    return name if name.lower().endswith(extension) else name + extension


def own_name(raw: Raw) -> str:
    """The name at Google as one part of a path, NFC."""
    name = unicodedata.normalize("NFC", str(raw.get("name", ""))).translate(_WIDE)
    name = name.replace("\0", "_")
    if name in ("", ".", ".."):
        return name.replace(".", "\uff0e") or "_"
    return name


def name_forms(shown: str) -> list[str]:
    """The names that an entry may have at Google that is shown as ``shown``."""
    names = [shown, shown.replace("\uff0f", "/").replace("\uff0e", ".")]
    for _, extension in _EXPORTS.values():
        if shown.lower().endswith(extension):
            names.append(shown[: -len(extension)])
    forms = [unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")]
    return list(dict.fromkeys(form for form in forms if form))


def version_of(raw: Raw) -> str:
    """Changes with the content alone; of documents of Google, whenever they are edited."""
    if raw.get("mimeType") == FOLDER:
        return ""
    return str(
        raw.get("headRevisionId")
        or raw.get("md5Checksum")
        or f"{raw.get('modifiedTime', '')}-{raw.get('size', '')}"
    )


def describe(raw: Raw, path: str, parent_id: str, content: Raw | None = None) -> DriveFile:
    """An entry as a value.

    Args:
        content: What a shortcut points to.

    Raises:
        TransientError: Google's answer makes no sense.
    """
    content = content or raw
    kind = str(content.get("mimeType") or "")
    is_folder = kind == FOLDER
    if kind in ("", "application/octet-stream"):
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    try:
        return DriveFile(
            id=str(raw["id"]),
            path=path,
            size=0 if is_folder else int(content.get("size") or 0),
            version=version_of(content),
            modified=_time(content),
            media_type="" if is_folder else export_type(content) or kind,
            is_folder=is_folder,
            sha256=str(content.get("sha256Checksum") or ""),
            parent_id=parent_id,
        )
    except (KeyError, ValueError) as error:
        raise damaged(f"{path} cannot be read") from error


def _time(raw: Raw) -> datetime.datetime:
    text = raw.get("modifiedTime") or raw.get("createdTime") or "1970-01-01T00:00:00Z"
    time = datetime.datetime.fromisoformat(str(text))
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
