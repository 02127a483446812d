"""Listing a Google Drive, folder by folder.

Belongs here: pages, folders below folders, going on where a page ended. Does
not belong here: one file (``look.py``), changes (``changes.py``).
"""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from jarvis_dagster.errors import BadInputError, JarvisError, TokenExpiredError
from jarvis_dagster.services.client_storage.drive import DriveFile, is_temporary
from jarvis_dagster.services.client_storage.google.asking import (
    QUERY_CHARACTERS,
    Place,
    fetch,
    query_page,
)
from jarvis_dagster.services.client_storage.google.entries import (
    describe,
    quoted,
    shown_name,
)
from jarvis_dagster.services.client_storage.google.faults import damaged, status_of
from jarvis_dagster.services.client_storage.google.look import Look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.asking import Root
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["Walk", "list_page", "walk"]

_MOST_PARENTS = 50
_RESTARTS = 3


@dataclasses.dataclass(frozen=True)
class Walk:
    """How far a listing has come.

    Attributes:
        group: The folders that are asked for in one query.
        waiting: Folders as deep as these, and those below, that are still to be listed.
        token: Google's, of the next page of the group.
    """

    recursive: bool
    group: tuple[Place, ...]
    waiting: tuple[Place, ...] = ()
    token: str | None = None

    @classmethod
    def decode(cls, text: str) -> Walk:
        """The walk that ``encode`` made a text of.

        Raises:
            BadInputError: it is not such a text.
        """
        try:
            recursive, group, waiting, token = json.loads(
                zlib.decompress(base64.urlsafe_b64decode(text))
            )
            places = [tuple(Place(*map(str, place)) for place in part) for part in (group, waiting)]
            return cls(bool(recursive), places[0], places[1], token)
        except (ValueError, TypeError, zlib.error) as error:
            raise BadInputError("The page token of the listing is damaged.", "Start again.") from (
                error
            )

    def encode(self) -> str:
        """A text to go on with later."""
        places = [
            [dataclasses.astuple(place) for place in part] for part in (self.group, self.waiting)
        ]
        text = json.dumps([self.recursive, *places, self.token], separators=(",", ":"))
        return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode()

    def after(self, token: str | None, found: list[Place]) -> Walk | None:
        """Where to go on; None at the end."""
        waiting = (*self.waiting, *found)
        if token:
            return dataclasses.replace(self, token=token, waiting=waiting)
        if not waiting:
            return None
        count = _group_size(waiting)
        return Walk(self.recursive, waiting[:count], waiting[count:])


def walk(api: GoogleApi, root: Root, start: Walk) -> Iterator[DriveFile]:
    """Everything from ``start`` on; a page token that Google forgot is no end."""
    here: Walk | None = start
    begin = start  # of the folders that are being listed
    told: set[str] = set()
    restarts = 0
    while here is not None:
        try:
            files, following = list_page(api, root, here, 1000)
        except TokenExpiredError:
            restarts += 1
            if restarts > _RESTARTS:
                raise
            here = begin
            continue
        yield from (file for file in files if file.id not in told)
        told |= {file.id for file in files}
        if following is not None and following.token is None:
            begin, told, restarts = following, set(), 0
        here = following


def list_page(
    api: GoogleApi, root: Root, here: Walk, size: int
) -> tuple[list[DriveFile], Walk | None]:
    """One page of files, and where to go on.

    Raises:
        TokenExpiredError: Google no longer knows the page.
    """
    parents = " or ".join(f"{quoted(place.id)} in parents" for place in here.group)
    parents = f"({parents})" if len(here.group) > 1 else parents
    try:
        answer = query_page(api, root, f"{parents} and trashed = false", here.token, size)
    except JarvisError as error:
        if here.token is not None and status_of(error) in (400, 404, 410):
            raise TokenExpiredError(
                "Google no longer knows this page of the listing.", "List from the start."
            ) from error
        if status_of(error) == 404:
            return _without_missing(api, root, here, size, error)
        raise
    look = Look(api, root)
    files, found = [], []
    for raw in answer["files"]:
        above = _parent(raw, here.group)
        name = shown_name(raw)
        content = None if is_temporary(name) else look.content(raw)
        if content is None:
            continue
        file = describe(raw, above.below(name), above.shown_id, content)
        files.append(file)
        # What a shortcut leads to is listed once: where it is, or below one of its shortcuts.
        if file.is_folder and here.recursive and _is_place_of(look, raw, content):
            found.append(Place(str(content["id"]), file.path, file.id))
    return files, here.after(answer.get("nextPageToken"), found)


def _without_missing(
    api: GoogleApi, root: Root, here: Walk, size: int, error: JarvisError
) -> tuple[list[DriveFile], Walk | None]:
    """List what is left where a folder was deleted since its parent was listed."""
    left = tuple(place for place in here.group if fetch(api, place.id) is not None)
    if len(left) == len(here.group):
        raise error
    if not left:
        return [], here.after(None, [])
    return list_page(api, root, dataclasses.replace(here, group=left), size)


def _is_place_of(look: Look, raw: Raw, content: Raw) -> bool:
    if content is raw:
        return True
    place = look.place(str(content["id"]))
    return place is not None and place.shown_id == raw["id"]


def _parent(raw: Raw, group: tuple[Place, ...]) -> Place:
    if len(group) == 1:
        return group[0]
    parents = raw.get("parents") or []
    for place in group:
        if place.id in parents:
            return place
    raise damaged("The drive cannot be listed")


def _group_size(waiting: tuple[Place, ...]) -> int:
    """How many folders fit into one query."""
    length = 0
    for count, place in enumerate(waiting[:_MOST_PARENTS]):
        length += len(quote_plus(f"{quoted(place.id)} in parents or "))
        if length > QUERY_CHARACTERS:
            return max(count, 1)
    return min(len(waiting), _MOST_PARENTS)
