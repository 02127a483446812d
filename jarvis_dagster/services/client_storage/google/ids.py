"""Ids for files that are yet to be made.

Belongs here: a store of ids that Google reserved. Does not belong here: files.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.client_storage.google.faults import damaged, status_of

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.google.api import GoogleApi

__all__ = ["Ids"]

_AT_ONCE = 100
_UNKNOWN = {404, 405, 501}


class Ids:
    """Each id is given once; Google is asked for many at a time."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._free: list[str] = []
        self._are_none = False

    def take(self) -> str:
        """An id that no file has; empty where the server gives none beforehand."""
        with self._lock:
            if not self._free and not self._are_none:
                what = "No new file can be made"
                try:
                    answer = self._api.call(
                        what,
                        lambda drive: drive.files().generateIds(
                            count=_AT_ONCE, space="drive", fields="ids"
                        ),
                    )
                except JarvisError as error:
                    if status_of(error) not in _UNKNOWN:
                        raise
                    self._are_none = True  # a proxy or server that knows less than Google
                    return ""
                self._free = [str(file_id) for file_id in answer.get("ids") or ()]
                if not self._free:
                    raise damaged(what)
            return self._free.pop() if self._free else ""
