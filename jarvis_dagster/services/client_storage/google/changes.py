"""What changed in a Google Drive.

Belongs here: pages of the changes feed, cut down to what is below the root.
Does not belong here: listing (``listing.py``).

The feed is one of an account or of a shared drive, never of a folder. Each
entry is therefore looked for on its way up to the root; what is not below it
now counts as removed, because it may have been there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, TokenExpiredError
from jarvis_dagster.services.client_storage.drive import Changes, DriveFile, is_temporary
from jarvis_dagster.services.client_storage.google.asking import has_forms, whole
from jarvis_dagster.services.client_storage.google.entries import FIELDS, FOLDER, SHORTCUT
from jarvis_dagster.services.client_storage.google.faults import damaged, status_of
from jarvis_dagster.services.client_storage.google.look import Look

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.asking import Root
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["changes", "start_token"]

_WHAT = "The changes of the drive cannot be read"


def start_token(api: GoogleApi, root: Root) -> str:
    """A token that stands for now."""
    what = "The changes of the drive cannot be followed"
    answer = api.call(
        what,
        lambda drive: drive.changes().getStartPageToken(supportsAllDrives=True, **_drive(root)),
    )
    if not answer.get("startPageToken"):
        raise damaged(what)
    return str(answer["startPageToken"])


def changes(api: GoogleApi, root: Root, token: str, limit: int) -> Changes:
    """One page of what changed since ``token``."""
    answer = _page(api, root, token, limit)
    look = Look(api, root)
    files: dict[str, DriveFile] = {}
    removed: dict[str, None] = {}
    entries = [(str(entry["fileId"]), _present(entry)) for entry in _of_files(answer)]
    for file_id, raw in entries:
        if file_id == root.id and raw is None:
            raise BadInputError("The folder that is the drive's root is gone.", "Bring it back.")
        look.learn(file_id, raw)
    for file_id, raw in entries:
        if file_id != root.id:
            _tell(file_id, _visible(look, raw), files, removed)
        if raw is None or raw.get("mimeType") not in (FOLDER, SHORTCUT):
            for shortcut in look.shortcuts_to(file_id):
                shown = _visible(look, shortcut)
                if raw is None or shown is not None:
                    _tell(str(shortcut["id"]), shown, files, removed)
    following = answer.get("nextPageToken")
    return Changes(
        files=tuple(files.values()),
        removed=tuple(removed),
        token=str(following or answer["newStartPageToken"]),
        more=bool(following),
    )


def _tell(
    file_id: str, file: DriveFile | None, files: dict[str, DriveFile], removed: dict[str, None]
) -> None:
    files.pop(file_id, None)
    removed.pop(file_id, None)
    if file is None:
        removed[file_id] = None
    else:
        files[file_id] = file


def _visible(look: Look, raw: Raw | None) -> DriveFile | None:
    file = look.describe(raw) if raw is not None else None
    if file is None or any(map(is_temporary, file.path.split("/"))):
        return None
    return file


def _present(entry: Raw) -> Raw | None:
    """What a change says about a file; None where it is gone."""
    raw: Raw | None = entry.get("file")
    if entry.get("removed") or not raw or raw.get("trashed"):
        return None
    return whole({**raw, "id": entry["fileId"]}, _WHAT)


def _of_files(answer: Raw) -> list[Raw]:
    return [entry for entry in answer["changes"] if entry.get("fileId")]


def _page(api: GoogleApi, root: Root, token: str, limit: int) -> Raw:
    try:
        answer: Raw = api.call(
            _WHAT,
            lambda drive: drive.changes().list(
                pageToken=token,
                pageSize=max(1, min(limit, 1000)),
                spaces="drive",
                includeRemoved=True,
                includeItemsFromAllDrives=True,
                supportsAllDrives=True,
                fields="nextPageToken,newStartPageToken,"
                f"changes(fileId,removed,changeType,time,file({FIELDS}))",
                **_drive(root),
            ),
        )
    except JarvisError as error:
        if status_of(error) in (400, 404, 410):
            raise TokenExpiredError(
                "Google does not know the change token (any more).", "List everything again."
            ) from error
        raise
    complete = answer.get("nextPageToken") or answer.get("newStartPageToken")
    entries = answer.get("changes")
    if not isinstance(entries, list) or not complete or not all(map(_is_entry, entries)):
        raise damaged(_WHAT)
    return answer


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and has_forms(entry, {"fileId": str, "file": dict})


def _drive(root: Root) -> dict[str, Any]:
    return {"driveId": root.drive_id} if root.drive_id else {}
