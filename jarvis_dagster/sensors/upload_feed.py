"""What is new in the drive since the last look.

Belongs here: reading the drive's feed of changes, page by page, into the
cursor. Does not belong here: deciding what to do with a file (``intake``).

The first look takes the feed's token before it lists what is there, so that
nothing falls between. A page that was read is in the cursor; one that was not
is read by the next look.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, TokenExpiredError, TransientError
from jarvis_dagster.sensors.upload_plan import MOST_WAITING
from jarvis_dagster.services.client_storage.inbox import is_footage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jarvis_dagster.sensors.upload_plan import Cursor
    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["UploadFeed"]

_PAGE = 200


class UploadFeed:
    """The changes of one drive, as far as they are in its folder of uploads.

    Args:
        uploads: That folder.
        wanted: Which of its files are looked at; by default footage.
    """

    def __init__(
        self, drive: Drive, uploads: DriveFile, wanted: Callable[[DriveFile], bool] = is_footage
    ) -> None:
        self._is_wanted = wanted
        self._drive = drive
        self._uploads = uploads

    def read(
        self, cursor: Cursor, *, now_s: float, is_late: Callable[[], bool]
    ) -> tuple[Cursor, str]:
        """Read pages until there are no more, too many files wait, or it is late.

        Returns:
            The cursor after the last page that was read, and why no more were,
            which is empty where nothing is left.
        """
        try:
            if cursor.token is None:
                token = self._drive.start_token()
                cursor = dataclasses.replace(
                    cursor, token=token, listing=((self._uploads.id, None),)
                )
            while len(cursor.waiting) < MOST_WAITING:
                cursor, more = self._page(cursor, now_s)
                if not more:
                    return cursor, ""
                if is_late():
                    return cursor, "there are more changes in the drive for the next look"
        except TransientError as error:
            return cursor, f"the drive cannot be read now: {error}"
        return cursor, f"{len(cursor.waiting)} uploads wait already; the rest of the drive is next"

    def _page(self, cursor: Cursor, now_s: float) -> tuple[Cursor, bool]:
        """One page of a listing or of the feed, and whether there is more to read."""
        if cursor.listing:
            return self._listed(cursor, now_s), True
        try:
            page = self._drive.changes(cursor.token or "", limit=_PAGE)
        except TokenExpiredError:  # the drive forgot: begin anew, knowing what was handled
            fresh = dataclasses.replace(cursor, token=self._drive.start_token())
            return dataclasses.replace(fresh, listing=((self._uploads.id, None),)), True
        cursor = functools.reduce(type(cursor).forget, page.removed, cursor)
        cursor = self._seen(cursor, page.files, now_s)
        # What is in a folder that came or was renamed is not told of by itself.
        folders = [(file.id, None) for file in page.files if file.is_folder and self._is_in(file)]
        cursor = dataclasses.replace(cursor, token=page.token, listing=(*folders,))
        return cursor, bool(page.more or folders)

    def _listed(self, cursor: Cursor, now_s: float) -> Cursor:
        (folder_id, token), *others = cursor.listing
        try:
            page = self._drive.list(folder_id, recursive=True, page_token=token, page_size=_PAGE)
        except (BadInputError, TokenExpiredError):
            # The page is forgotten: from the first again. Without one, the folder is gone.
            again = [] if token is None else [(folder_id, None)]
            return dataclasses.replace(cursor, listing=(*again, *others))
        rest = [] if page.next_token is None else [(folder_id, page.next_token)]
        cursor = self._seen(cursor, page.files, now_s)
        return dataclasses.replace(cursor, listing=(*rest, *others))

    def _seen(self, cursor: Cursor, files: Iterable[DriveFile], now_s: float) -> Cursor:
        for file in files:
            if file.is_folder:
                continue
            wanted = self._is_in(file) and self._is_wanted(file)
            cursor = cursor.see(file, now_s) if wanted else cursor.forget(file.id)
        return cursor

    def _is_in(self, file: DriveFile) -> bool:
        return file.path.startswith(f"{self._uploads.path}/")
