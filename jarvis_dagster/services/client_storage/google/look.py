"""One look at where things are in a Google Drive.

Belongs here: the root, the way from a file up to it, names in a folder. Does
not belong here: listing many (``listing.py``), changing anything.

Google knows parents by id and no paths. A ``Look`` is made for one operation
and remembers what it asked: nothing is older than the operation.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.google.asking import (
    HIDDEN_ROOT,
    QUERY_CHARACTERS,
    Place,
    fetch,
    query_page,
)
from jarvis_dagster.services.client_storage.google.entries import (
    FOLDER,
    SHORTCUT,
    age,
    checked_id,
    describe,
    name_forms,
    own_name,
    parent_of,
    quoted,
    shown_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.asking import Root
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["Look"]


class Look:
    """Asks each thing once."""

    def __init__(self, api: GoogleApi, root: Root) -> None:
        self._api = api
        self.root = root
        self._raw: dict[str, Raw | None] = {}
        self._places: dict[str, Place] = {}
        self._shortcuts: dict[str, list[Raw]] | None = None

    def get(self, file_id: str) -> Raw | None:
        """What Google says about an id; None for what is not there or in the trash."""
        if file_id not in self._raw:
            self._raw[file_id] = fetch(self._api, file_id)
        return self._raw[file_id]

    def learn(self, file_id: str, raw: Raw | None) -> None:
        """Remember what an answer said about an entry; None is that it is gone."""
        self._raw[file_id] = raw

    def place(self, folder_id: str) -> Place | None:
        """Where a folder is; None if it is not below the root.

        A folder outside is where the oldest shortcut inside shows it.
        """
        return self._place(folder_id, frozenset())

    def _place(self, folder_id: str, busy: frozenset[str]) -> Place | None:
        root = Place(self.root.id, "", "")
        if folder_id == self.root.id:
            return root
        if folder_id in self._places:
            return self._places[folder_id]
        if not folder_id or folder_id in busy:
            return None
        raw = self.get(folder_id)
        if raw is None:
            return root if self.root.id == HIDDEN_ROOT else None
        # The root may have been asked for by another name.
        found = root if raw["id"] == self.root.id else self._below(raw, busy | {folder_id})
        if found is not None:
            self._places[folder_id] = found
        return found

    def _below(self, raw: Raw, busy: frozenset[str]) -> Place | None:
        """Where a folder is by its parent or, if that is outside, by a shortcut."""
        if raw.get("mimeType") != FOLDER:
            return None
        folder_id = str(raw["id"])
        above = self._place(parent_of(raw), busy)
        if above is not None:
            return Place(folder_id, above.below(shown_name(raw)), folder_id)
        for shortcut in self.shortcuts_to(folder_id):
            above = self._place(parent_of(shortcut), busy)
            if above is not None:
                return Place(folder_id, above.below(shown_name(shortcut)), str(shortcut["id"]))
        return None

    def shortcuts_to(self, file_id: str) -> list[Raw]:
        """All shortcuts to a file or folder, the oldest first."""
        if self._shortcuts is None:
            self._shortcuts = {}
            query = f"mimeType = {quoted(SHORTCUT)} and trashed = false"
            for raw in sorted(self.query(query), key=age):
                target = (raw.get("shortcutDetails") or {}).get("targetId", "")
                self._shortcuts.setdefault(target, []).append(raw)
        return self._shortcuts.get(file_id, [])

    def content(self, raw: Raw) -> Raw | None:
        """The entry that has the content: what a shortcut points to; None if that is gone."""
        if raw.get("mimeType") != SHORTCUT:
            return raw
        target = self.get(str((raw.get("shortcutDetails") or {}).get("targetId", "")))
        return None if target is None or target.get("mimeType") == SHORTCUT else target

    def describe(self, raw: Raw) -> DriveFile | None:
        """An entry as a value; None if it is not below the root, or a broken shortcut."""
        above = self.place(parent_of(raw)) if raw["id"] != self.root.id else None
        content = self.content(raw) if above is not None else None
        if above is None or content is None:
            return None
        return describe(raw, above.below(shown_name(raw)), above.shown_id, content)

    def existing(self, file_id: str) -> Raw:
        """What Google says about something below the root.

        Raises:
            BadInputError: it is not there.
        """
        raw = self.get(checked_id(file_id))
        if raw is None or raw["id"] == self.root.id or self.place(parent_of(raw)) is None:
            raise BadInputError(f"There is no {file_id} in the drive.", "List the drive again.")
        return raw

    def file(self, file_id: str) -> tuple[DriveFile, Raw]:
        """A file below the root, and the entry that has its content."""
        raw = self.existing(file_id)
        file, content = self.describe(raw), self.content(raw)
        if file is None or content is None:
            raise BadInputError(f"{file_id} is a shortcut to what is gone.", "Remove it.")
        if file.is_folder:
            raise BadInputError(f"{file.path} is a folder.", "Name a file.")
        return file, content

    def folder(self, folder_id: str | None) -> Place:
        """A folder, or what a shortcut to one leads to; None is the root."""
        if folder_id is None or folder_id == self.root.id:
            return Place(self.root.id, "", "")
        content = self.content(self.existing(folder_id))
        place = self.place(str(content["id"])) if content is not None else None
        if place is None:
            raise BadInputError(f"{folder_id} is not a folder.", "Name a folder.")
        return place

    def named(self, folder: Place, shown: str, *, loose: bool = False) -> list[Raw]:
        """The entries of a folder that are shown with that name, the oldest first."""
        within = f"{quoted(folder.id)} in parents and trashed = false"
        terms = [f"name = {quoted(form)}" for form in name_forms(shown)]
        together = f"({' or '.join(terms)})" if len(terms) > 1 else "".join(terms)
        # Two forms of a long name may not fit into one address.
        asked = [together] if len(quote_plus(together)) <= QUERY_CHARACTERS else terms
        queries = [f"{names} and {within}" for names in asked if names]
        matches = {raw["id"]: raw for query in queries for raw in self.query(query)}
        found = sorted(matches.values(), key=age)
        wanted = unicodedata.normalize("NFC", shown)
        exact = [raw for raw in found if shown_name(raw) == wanted]
        # A document of Google also goes by its name there, which has no extension.
        return exact or [raw for raw in found if loose and own_name(raw) == wanted]

    def find(self, path: str) -> Raw | None:
        """The entry at a path, whichever of several folders with one name it is in."""
        folders = [self.folder(None)]
        found: list[Raw] = []
        for part in path.split("/"):
            if found:
                folders = list(filter(None, map(self._leads_to, found)))
            found = [raw for folder in folders for raw in self.named(folder, part, loose=True)]
            if not found:
                return None
        return min(found, key=age)

    def _leads_to(self, raw: Raw) -> Place | None:
        content = self.content(raw)
        return self.place(str(content["id"])) if content is not None else None

    def query(self, query: str) -> Iterator[Raw]:
        """All entries that match, page after page."""
        token: str | None = None
        while True:
            answer = query_page(self._api, self.root, query, token, 1000)
            yield from answer["files"]
            token = answer.get("nextPageToken")
            if not token:
                return
