"""Content that comes and goes.

Belongs here: small uploads, upload sessions, downloads
(https://learn.microsoft.com/graph/api/driveitem-createuploadsession). Does not
belong here: items without their content.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.items_api import check_tag, free_name

if TYPE_CHECKING:
    from tests.fakes.onedrive.description import Call
    from tests.fakes.onedrive.server import OneDriveServer
    from tests.fakes.onedrive.world import DriveState, Entry

__all__ = ["UploadsApi"]

_CONFLICT = "@microsoft.graph.conflictBehavior"
_UNIT = 327_680
_LARGEST_PIECE = 60 << 20
_LARGEST_PUT = 250 << 20
_EXPIRES = "2026-12-24T09:21:55.523Z"


@dataclasses.dataclass
class _Session:
    drive: DriveState
    parent: str
    name: str
    target: str | None
    behavior: str
    size: int | None = None
    received: bytearray = dataclasses.field(default_factory=bytearray)


class UploadsApi:
    """Keeps the sessions that are under way."""

    def __init__(self, server: OneDriveServer) -> None:
        self._server = server
        self.sessions: dict[str, _Session] = {}

    def content(self, call: Call) -> tuple[int, Any]:
        if len(call.content) > _LARGEST_PUT:
            raise ApiError(413)
        drive, parent, name, target = self._place(call)
        if target is not None:
            check_tag(call, drive, target)
        behavior = call.query.get(_CONFLICT, "replace") if call.path else "replace"
        return self._store(drive, parent, name, target, behavior, call.content)

    def create(self, call: Call) -> tuple[int, Any]:
        drive, parent, name, target = self._place(call)
        if target is not None:
            check_tag(call, drive, target)
        item = call.body.get("item", {})
        if "fileSize" in item:
            if drive.kind != "personal":
                raise ApiError(400, "invalidRequest", "fileSize: only on OneDrive Personal")
            if drive.used + item["fileSize"] > drive.total:
                raise ApiError(507)
        if call.body.get("deferCommit"):
            raise ApiError(400, "notSupported", "deferCommit is not played here")
        behavior = item.get(_CONFLICT, "fail")
        if target is not None and call.path and behavior == "fail":
            raise ApiError(409)
        key = self._server.secret("up")
        session = _Session(drive, parent.id, name, target.id if target else None, behavior)
        self.sessions[key] = session
        url = f"{self._server.address}/up/{key}"
        told = {"uploadUrl": url, "expirationDateTime": _EXPIRES, "nextExpectedRanges": ["0-"]}
        return 200, told

    def session(
        self, method: str, key: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, Any]:
        """A request to an upload address, which is its own key."""
        if "authorization" in headers:
            raise ApiError(401, "unauthenticated", "no token here")
        session = self.sessions.get(key)
        if session is None:
            raise ApiError(404, "itemNotFound", "uploadSessionNotFound")
        if method == "DELETE":
            del self.sessions[key]
            return 204, None
        if method == "GET":
            return 200, self._state(session)
        if method != "PUT":
            raise ApiError(405)
        return self._piece(key, session, headers, content)

    def _piece(
        self, key: str, session: _Session, headers: dict[str, str], content: bytes
    ) -> tuple[int, Any]:
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("content-range", ""))
        if told is None:
            raise ApiError(400, "invalidRequest", "Content-Range")
        start, end, size = (int(number) for number in told.groups())
        if end - start + 1 != len(content) or end >= size or not content:
            raise ApiError(400, "invalidRequest", "Content-Range")
        if session.size not in (None, size):
            raise ApiError(400, "invalidRequest", "fragmentLengthMismatch")
        if len(content) >= _LARGEST_PIECE:
            raise ApiError(413, "invalidRequest", "maxFragmentLengthExceeded")
        if start != len(session.received):
            overlap = start < len(session.received)
            raise ApiError(
                416, "invalidRange", "fragmentOverlap" if overlap else "fragmentOutOfOrder"
            )
        if end + 1 < size and len(content) % _UNIT:
            raise ApiError(400, "invalidRequest", "not a multiple of 320 KiB")
        session.size = size
        if session.drive.used + end + 1 > session.drive.total:
            raise ApiError(507)
        session.received += content
        if end + 1 < size:
            return 202, self._state(session)
        drive = session.drive
        parent = drive.get(session.parent)
        target = drive.get(session.target) if session.target else None
        if target is None:
            target = drive.child(parent.id, session.name)
        answer = self._store(
            drive, parent, session.name, target, session.behavior, bytes(session.received)
        )
        del self.sessions[key]
        return answer

    def _state(self, session: _Session) -> dict[str, Any]:
        return {
            "expirationDateTime": _EXPIRES,
            "nextExpectedRanges": [f"{len(session.received)}-"],
        }

    def _place(self, call: Call) -> tuple[DriveState, Entry, str, Entry | None]:
        """The drive, the folder, the name, and what has it already."""
        drive = self._server.drive_of(call)
        start = drive.get(call.item) if call.item else drive.root
        if not call.path:
            if start.folder or start.parent is None:
                raise ApiError(400, "invalidRequest", "not a file")
            return drive, drive.entries[start.parent], start.name, start
        above, _, name = call.path.rpartition("/")
        parent = drive.at(start.id, above) if above else start
        if not parent.folder:
            raise ApiError(400, "invalidRequest", "not a folder")
        return drive, parent, name, drive.child(parent.id, name)

    def _store(
        self,
        drive: DriveState,
        parent: Entry,
        name: str,
        target: Entry | None,
        behavior: str,
        content: bytes,
    ) -> tuple[int, Any]:
        if target is not None and behavior == "replace":
            if target.folder:
                raise ApiError(409)
            drive.write(target, content)
            return 200, self._server.items.told(drive, target)
        name = free_name(drive, parent, name, behavior)
        return 201, self._server.items.told(drive, drive.add(name, parent.id, content=content))
