"""Putting a file into Google Drive.

Belongs here: which name it gets, what it replaces, checking what arrived. Does
not belong here: sending the bytes (``sending.py``).

Nothing is seen of a file before its last piece has arrived. A new file has an
id before it is sent, so that an answer that was lost never makes two of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConflictError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.google.arranging import trash
from jarvis_dagster.services.client_storage.google.asking import fetch
from jarvis_dagster.services.client_storage.google.entries import (
    FIELDS,
    is_native,
    parent_of,
    version_of,
)
from jarvis_dagster.services.client_storage.google.sending import send
from jarvis_dagster.services.client_storage.names import numbered

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile, Progress
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.asking import Place
    from jarvis_dagster.services.client_storage.google.entries import Raw
    from jarvis_dagster.services.client_storage.google.ids import Ids
    from jarvis_dagster.services.client_storage.google.look import Look
    from jarvis_dagster.services.client_storage.google.sending import Source

__all__ = ["Upload"]

_MOST_NAMES = 1000


class Upload:
    """One file on its way into one folder."""

    def __init__(
        self, api: GoogleApi, look: Look, ids: Ids, source: Source, progress: Progress | None
    ) -> None:
        self._api = api
        self._look = look
        self._ids = ids
        self._source = source
        self._progress = progress

    def run(self, folder: Place, name: str, replace: DriveFile | None, *, exact: bool) -> Raw:
        """Put it there; see :meth:`Drive.upload`."""
        if replace is not None:
            done = self._replace(replace)
            if done is not None:
                return done
        for number in range(1, _MOST_NAMES):
            candidate = numbered(name, number)
            there = self._look.named(folder, candidate)
            same = next((raw for raw in there if self._source.is_content_of(raw)), None)
            if same is not None:
                return same
            if exact and replace is not None:
                raise _changed(replace.path)
            if not there:
                return self._create(folder, candidate)
            if exact:
                raise ConflictError(
                    f"There is another {name} in {folder.path or 'the drive'}.",
                    "Take another name.",
                )
        raise PermanentError(f"There are too many files named {name}.", "Tidy the folder up.")

    def _replace(self, replace: DriveFile) -> Raw | None:
        """New content for a file that has not changed; None if it has.

        Google has no conditional update. What is there is looked at once more
        right before the last piece, which makes all of it visible; a change in
        the moment between is still in the history of the file.
        """
        entry = fetch(self._api, replace.id)
        now = self._look.content(entry) if entry is not None else None
        if entry is None or now is None or not self._is_version(now, replace):
            return None
        if any(self._look.place(parent_of(raw)) is None for raw in (entry, now)):
            return None  # moved out of the drive, or a shortcut to what is outside
        if self._source.is_content_of(now):
            return entry
        file_id = str(now["id"])

        def landed() -> Raw | None:
            found = fetch(self._api, file_id, once=True)
            if found is None or not self._is_version(found, replace):
                if found is not None and self._source.is_content_of(found):
                    return found  # the answer to the last piece was lost
                raise _changed(replace.path)
            return None

        try:
            sent = send(
                self._api,
                self._source,
                lambda drive, media: drive.files().update(
                    fileId=file_id, body={}, media_body=media, fields=FIELDS, supportsAllDrives=True
                ),
                landed,
                self._progress,
            )
        except ConflictError:
            return None
        self._verify(sent)
        self._look.learn(file_id, sent)
        return sent if entry is now else entry

    def _create(self, folder: Place, name: str) -> Raw:
        body: dict[str, Any] = {
            "name": name,
            "parents": [folder.id],
            "mimeType": self._source.media_type,
        }
        file_id = self._ids.take()
        if file_id:
            body["id"] = file_id
        sent = send(
            self._api,
            self._source,
            lambda drive, media: drive.files().create(
                body=body, media_body=media, fields=FIELDS, supportsAllDrives=True
            ),
            lambda: self._arrived(folder, name, file_id),
            self._progress,
        )
        try:
            self._verify(sent)
        except TransientError:
            # It has been seen for a moment, but it is ours and not what was sent.
            trash(self._api, sent, name)
            raise
        return sent

    def _arrived(self, folder: Place, name: str, file_id: str) -> Raw | None:
        """The new file, if its last piece arrived and only the answer was lost."""
        if file_id:
            return fetch(self._api, file_id, once=True)
        there = self._look.named(folder, name)
        return next((raw for raw in there if self._source.is_content_of(raw)), None)

    def _verify(self, sent: Raw) -> None:
        if not self._source.is_content_of(sent, unless_told=True):
            raise TransientError(
                f"What arrived of {self._source.path.name} is not what was sent.", "Send it again."
            )

    def _is_version(self, now: Raw, replace: DriveFile) -> bool:
        return not is_native(now) and version_of(now) == replace.version


def _changed(path: str) -> ConflictError:
    return ConflictError(f"{path} was changed by somebody else.", "Look at what it is now.")
