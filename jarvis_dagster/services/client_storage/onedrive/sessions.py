"""Sending a large file in pieces.

Belongs here: one upload session, its pieces and how it is resumed
(https://learn.microsoft.com/graph/api/driveitem-createuploadsession). Does not
belong here: what the file is for, and names.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError, TransientError
from jarvis_dagster.services.client_storage.onedrive.graph import json_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.items import Item
    from jarvis_dagster.services.client_storage.onedrive.sources import Source

__all__ = ["Session", "SessionLostError"]

_UNIT = 320 * 1024  # every piece but the last is a multiple of it


class SessionLostError(Exception):
    """The service does not know the session any more: it ended, or it was completed."""


class Session:
    """One upload session. Its address is a secret: whoever has it can write the file."""

    def __init__(self, graph: Graph, url: str, source: Source, chunk: int) -> None:
        self._graph = graph
        self._url = url
        self._source = source
        self._chunk = chunk
        self._next = 0
        self._unsure = False

    def __repr__(self) -> str:
        return f"Session({self._source.path.name!r})"

    def send(self, progress: Progress | None, before_last: Callable[[], None]) -> Item:
        """Send everything; the item that it became.

        The file appears with the last piece, which is kept small: what
        ``before_last`` looks at can hardly change before it arrives.

        Raises:
            SessionLostError: begin a new one.
            JarvisError: a refusal, as a name that is taken by now or a full drive.
        """
        try:
            while True:
                item = self._graph.repeat(lambda: self._step(before_last))
                if item is not None:
                    if progress is not None:
                        progress(self._source.size, self._source.size)
                    return item
                if progress is not None:
                    progress(self._next, self._source.size)
        except (JarvisError, OSError):
            self._cancel()
            raise

    def _step(self, before_last: Callable[[], None]) -> Item | None:
        """Send one piece; the item if it was the last."""
        if self._unsure:  # whether the last attempt arrived
            self._next = self._ask()
        size = self._source.size
        start = self._next
        end = min(start + self._chunk, size)
        if end == size and size - start > _UNIT:
            end = (size - 1) // _UNIT * _UNIT  # leaves a last piece of one unit at most
        if end == size:
            self._source.check()
            before_last()
        data = self._source.read(start, end - start)
        self._unsure = True
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        response = self._put(data, headers)
        if response.status_code == 416:  # it has that piece: the next step asks where it is
            raise TransientError(
                "OneDrive has another part of the file than was thought.",
                "Upload it again; it goes on where it stopped.",
            )
        answer = json_of(response, self._source.path.name)
        self._unsure = False
        if response.status_code == 202:
            self._next = self._expected(answer)
            return None
        return answer

    def _put(self, data: bytes, headers: dict[str, str]) -> requests.Response:
        response = self._graph.send(
            "PUT", self._url, self._source.path.name, content=data, headers=headers
        )
        if response.status_code in (404, 410):
            raise SessionLostError
        return response

    def _ask(self) -> int:
        response = self._graph.send("GET", self._url, self._source.path.name)
        if response.status_code in (401, 404, 410):
            raise SessionLostError
        answer = json_of(response, self._source.path.name)
        if answer.get("nextExpectedRanges") == []:
            raise SessionLostError  # it has everything, and did not make a file of it
        return self._expected(answer)

    def _expected(self, answer: dict[str, Any]) -> int:
        """Where to go on: the begin of ``327680-`` or ``12345-55232``, the first of several."""
        ranges = answer.get("nextExpectedRanges")
        told = re.match(r"(\d+)-", str(ranges[0])) if isinstance(ranges, list) and ranges else None
        if told is None or not int(told[1]) < self._source.size:
            raise TransientError(
                "OneDrive does not say which part of the file it wants.",
                "Upload it again; it goes on where it stopped.",
            )
        return int(told[1])

    def _cancel(self) -> None:
        """Let the service forget the pieces; it does so by itself after some days."""
        with contextlib.suppress(JarvisError):
            self._graph.send("DELETE", self._url, self._source.path.name)
