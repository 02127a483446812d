"""Ids for files that are yet to be made.

Belongs here: a store of ids that Google reserved. Does not belong here: files.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.google.faults import damaged

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.google.api import GoogleApi

__all__ = ["Ids"]

_AT_ONCE = 100


class Ids:
    """Each id is given once; Google is asked for many at a time."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._free: list[str] = []

    def take(self) -> str:
        """An id that no file has."""
        with self._lock:
            if not self._free:
                what = "No new file can be made"
                answer = self._api.call(
                    what,
                    lambda drive: drive.files().generateIds(
                        count=_AT_ONCE, space="drive", fields="ids"
                    ),
                )
                self._free = [str(file_id) for file_id in answer.get("ids") or ()]
                if not self._free:
                    raise damaged(what)
            return self._free.pop()
