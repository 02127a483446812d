"""Folders, moves and the trash of a Google Drive.

Belongs here: changes of where things are. Does not belong here: content
(``upload.py``), permissions (``sharing.py``).

Each change looks first whether it has been made already, so that one whose
answer was lost can be tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, JarvisError, PermanentError
from jarvis_dagster.services.client_storage.google.asking import fetch, whole
from jarvis_dagster.services.client_storage.google.entries import (
    FIELDS,
    FOLDER,
    age,
    parent_of,
    shown_name,
)
from jarvis_dagster.services.client_storage.google.faults import status_of
from jarvis_dagster.services.client_storage.names import numbered, visible

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.asking import Place
    from jarvis_dagster.services.client_storage.google.entries import Raw
    from jarvis_dagster.services.client_storage.google.ids import Ids
    from jarvis_dagster.services.client_storage.google.look import Look

__all__ = ["create_folder", "move", "trash"]

_MOST_NAMES = 1000


def create_folder(api: GoogleApi, look: Look, ids: Ids, parent: Place, name: str) -> Raw:
    """The folder of that name in ``parent``; an existing one if there is one."""
    there = _folder_named(look, parent, name)
    if there is not None:
        return there
    what = f"The folder {name} cannot be made"
    body = {"name": name, "mimeType": FOLDER, "parents": [parent.id]}
    file_id = ids.take()
    if file_id:
        body["id"] = file_id

    def attempt() -> Raw:
        # Without an id of its own it may have been made by the attempt before.
        there = None if file_id else _folder_named(look, parent, name)
        return there or api.once(
            what,
            lambda drive: drive.files().create(body=body, fields=FIELDS, supportsAllDrives=True),
        )

    made: Raw | None
    try:
        made = api.run(attempt)
    except JarvisError as error:
        made = fetch(api, file_id) if file_id and status_of(error) == 409 else None
        if made is None:
            raise
    made = whole(made, what)
    # Somebody else may have made one at the same moment: everybody takes the older.
    first = _folder_named(look, parent, name)
    if first is None or first["id"] == made["id"] or age(made) < age(first):
        return made
    _update(api, what, str(made["id"]), {"trashed": True})
    return first


def move(
    api: GoogleApi, look: Look, raw: Raw, folder: Place, name: str | None, *, exact: bool
) -> Raw:
    """Put an entry into a folder under a name that is free there."""
    path = folder.path or "the drive"
    _check_not_below(look, raw, folder)
    wanted = visible(name) if name is not None else shown_name(raw)
    here = parent_of(raw) == folder.id
    for number in range(1, _MOST_NAMES):
        candidate = numbered(wanted, number)
        if here and candidate == shown_name(raw):
            return raw
        taken = [other for other in look.named(folder, candidate) if other["id"] != raw["id"]]
        if not taken:
            break
        if exact:
            raise ConflictError(f"There is another {wanted} in {path}.", "Take another name.")
    else:
        raise PermanentError(f"There are too many files named {wanted}.", "Tidy the folder up.")
    # A name that is kept stays as Google has it: what is shown may have been changed.
    body = {} if candidate == shown_name(raw) else {"name": candidate}
    return _put(api, raw, folder, body)


def trash(api: GoogleApi, raw: Raw, path: str) -> None:
    """Put an entry into the trash; what is in it goes with it."""
    _update(api, f"{path} cannot be put into the trash", str(raw["id"]), {"trashed": True})


def _put(api: GoogleApi, raw: Raw, folder: Place, body: dict[str, Any]) -> Raw:
    file_id, what = str(raw["id"]), f"{shown_name(raw)} cannot be moved"

    def attempt() -> Raw:
        now = fetch(api, file_id, once=True)
        if now is None:
            raise BadInputError(f"{file_id} is gone.", "List the drive again.")
        parents = [str(parent) for parent in now.get("parents") or ()]
        way: dict[str, str] = {}
        if folder.id not in parents:
            way = {"addParents": folder.id, "removeParents": ",".join(parents)}
        if not way and _has(now, body):
            return now
        try:
            moved = api.once(
                what,
                lambda drive: drive.files().update(
                    fileId=file_id, body=body, fields=FIELDS, supportsAllDrives=True, **way
                ),
            )
        except PermanentError:
            # The client library sends it again by itself when the answer got lost.
            now = fetch(api, file_id, once=True)
            if now is None or now.get("parents") != [folder.id] or not _has(now, body):
                raise
            return now
        return whole(moved, what)

    return api.run(attempt)


def _has(raw: Raw, body: dict[str, Any]) -> bool:
    return all(raw.get(key) == value for key, value in body.items())


def _update(api: GoogleApi, what: str, file_id: str, body: dict[str, Any]) -> None:
    api.call(
        what,
        lambda drive: drive.files().update(
            fileId=file_id, body=body, fields="id", supportsAllDrives=True
        ),
    )


def _check_not_below(look: Look, raw: Raw, folder: Place) -> None:
    if raw.get("mimeType") != FOLDER:
        return
    here: Raw | None = look.get(folder.id)
    while here is not None and here["id"] != look.root.id:
        if here["id"] == raw["id"]:
            raise BadInputError(
                f"{shown_name(raw)} cannot be moved into itself.", "Take another folder."
            )
        here = look.get(parent_of(here))


def _folder_named(look: Look, parent: Place, name: str) -> Raw | None:
    there = look.named(parent, name)
    for raw in there:
        content = look.content(raw)
        if content is not None and content.get("mimeType") == FOLDER:
            return raw
    if there:
        raise BadInputError(
            f"A file named {name} is in the way.", "Rename it, or take another name."
        )
    return None
