"""Bytes that come and go.

Belongs here: resumable uploads, ranges, exports, revisions. Does not belong
here: what a file is besides its bytes (``files_api.py``).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.google.errors import ApiError

if TYPE_CHECKING:
    from tests.fakes.google.description import Call
    from tests.fakes.google.files_api import FilesApi
    from tests.fakes.google.world import Item, World

__all__ = ["Answer", "Media"]

_GRAIN = 256 * 1024
_EXPORT_LIMIT = 10 * 1024 * 1024


@dataclass
class Answer:
    """An answer that is not, or not only, JSON."""

    status: int
    body: bytes | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Session:
    call: Call
    body: dict[str, Any]
    total: int
    received: bytearray
    finished: dict[str, Any] | None = None


class Media:
    """Uploads that are under way, and downloads."""

    def __init__(self, world: World, files: FilesApi) -> None:
        self.world = world
        self.files = files
        self.sessions: dict[str, _Session] = {}
        self.on_chunk: list[Any] = []  # called with the session's bytes so far, for races

    def start(self, call: Call, body: dict[str, Any], headers: Any, address: str) -> Answer:
        """Begin a resumable upload; ``Location`` says where to send."""
        if call.name == "files.create":
            self.files.check_create(call, body)
        else:
            self.world.item(call.path["fileId"], all_drives=call.flag("supportsAllDrives"))
        if "X-Upload-Content-Type" not in headers:
            raise ApiError(400, "badRequest", "X-Upload-Content-Type is missing")
        total = int(headers["X-Upload-Content-Length"])
        self.world.check_space(total)
        key = secrets.token_hex(16)
        body = {"mimeType": headers["X-Upload-Content-Type"], **body}
        self.sessions[key] = _Session(call, body, total, bytearray())
        location = f"{address}/upload/drive/v3/files?uploadType=resumable&upload_id={key}"
        return Answer(200, b"", {"Location": location, "X-GUploader-UploadID": key})

    def proceed(self, key: str, headers: Any, piece: bytes) -> Answer:
        """A piece, or the question how much has arrived."""
        session = self.sessions.get(key)
        if session is None:
            raise ApiError(404, "notFound", "The upload session is gone")
        if session.finished is not None:
            return Answer(200, session.finished)
        span = headers.get("Content-Range")
        if span is None:
            start, total = 0, len(piece)
        elif span == f"bytes */{session.total}":
            return self._end(session) if session.total == 0 else self._so_far(session)
        else:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", span)
            if not found:
                raise ApiError(400, "badRequest", f"Content-Range {span}")
            start, last, total = map(int, found.groups())
            if last - start + 1 != len(piece):
                raise ApiError(400, "badRequest", "Content-Range and Content-Length differ")
            if last + 1 != total and len(piece) % _GRAIN:
                raise ApiError(400, "badRequest", "A piece is not a multiple of 256 KiB")
        if total != session.total or start > len(session.received):
            raise ApiError(400, "badRequest", "The piece does not fit")
        session.received += piece[len(session.received) - start :]
        for hook in self.on_chunk:
            hook(bytes(session.received))
        if len(session.received) == total:
            return self._end(session)
        return self._so_far(session)

    def _so_far(self, session: _Session) -> Answer:
        count = len(session.received)
        return Answer(308, b"", {"Range": f"bytes=0-{count - 1}"} if count else {})

    def _end(self, session: _Session) -> Answer:
        self.world.check_space(session.total)
        content = bytes(session.received)
        if session.call.name == "files.create":
            session.finished = self.files.create(session.call, session.body, content)
        else:
            session.finished = self.files.update(session.call, session.body, content)
        session.received.clear()
        return Answer(200, session.finished)

    def download(self, call: Call, headers: Any) -> Answer:
        """``alt=media`` of a file or a revision."""
        item = self.world.item(
            call.path["fileId"],
            all_drives=call.flag("supportsAllDrives") or call.name == "revisions.get",
        )
        if not item.revisions:
            raise ApiError(403, "fileNotDownloadable", "Only files with binary content")
        if item.abusive and not call.flag("acknowledgeAbuse"):
            raise ApiError(403, "cannotDownloadAbusiveFile", "Identified as malware or spam")
        content = item.content
        if call.name == "revisions.get":
            content = _revision(item, call.path["revisionId"])
        return ranged(content, headers.get("Range"))

    def export(self, call: Call) -> Answer:
        """A document of Google in another form."""
        item = self.world.item(call.path["fileId"], all_drives=True)
        if not item.mime_type.startswith("application/vnd.google-apps."):
            raise ApiError(403, "fileNotExportable", "Export only supports Docs Editors files.")
        content = item.exports.get(call.query["mimeType"])
        if content is None:
            raise ApiError(400, "badRequest", "The requested conversion is not supported.")
        if len(content) > _EXPORT_LIMIT:
            raise ApiError(403, "exportSizeLimitExceeded", "This file is too large to be exported.")
        return Answer(200, content, {"Content-Type": call.query["mimeType"]})


def ranged(content: bytes, span: str | None) -> Answer:
    """All of it, or the part that a ``Range`` header asks for."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", span or "")
    if not found:
        return Answer(200, content)
    start = int(found[1])
    if start >= len(content):
        return Answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
    end = min(int(found[2]) if found[2] else len(content) - 1, len(content) - 1)
    headers = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
    return Answer(206, content[start : end + 1], headers)


def _revision(item: Item, key: str) -> bytes:
    for revision in item.revisions:
        if revision.id == key:
            return revision.content
    raise ApiError(404, "notFound", f"Revision not found: {key}")
