"""The requests of iCloud Drive's document service: contents up and down.

Belongs here: the JSON of each request and of its answer. Does not belong here:
HTTP, what happens to items (``tree.py``).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from tests.fakes.icloud.drivews import RefusedError, need

if TYPE_CHECKING:
    from tests.fakes.icloud.tree import Item, Tree

__all__ = ["DocumentService"]


@dataclasses.dataclass
class _Upload:
    zone: str
    size: int
    content: bytes | None = None
    receipt: str = ""


class DocumentService:
    """``upload/web``, the content hosts, ``update/documents``, ``download/by_id``."""

    def __init__(self, tree: Tree, content_url: str) -> None:
        self._tree = tree
        self._content_url = content_url
        self._uploads: dict[str, _Upload] = {}
        self._downloads: dict[str, bytes] = {}

    def begin(self, zone: str, body: Any) -> list[dict[str, Any]]:
        """Ask where to send a content to."""
        need(body, {"filename", "type", "content_type", "size"})
        if "/" in body["filename"] or body["type"] != "FILE":
            raise RefusedError(f"{body['filename']!r} tells where the file is on the machine")
        if self._tree.used_bytes() + body["size"] > self._tree.total_bytes:
            raise OverflowError("QUOTA_EXCEEDED")
        docwsid = str(uuid.uuid4()).upper()
        self._uploads[docwsid] = _Upload(zone, body["size"])
        url = f"{self._content_url}/upload/{docwsid}"
        return [{"document_id": docwsid, "url": url, "owner": "0", "owner_id": "0"}]

    def receive(self, docwsid: str, content_type: str, body: bytes) -> dict[str, Any]:
        """The content itself, as a form with one file."""
        upload = self._uploads[docwsid]
        match = re.search(r"boundary=([^;]+)", content_type)
        if match is None:
            raise RefusedError("the content is no form")
        parts = body.split(b"--" + match[1].encode())
        head, _, content = parts[1].partition(b"\r\n\r\n")
        if b"filename" not in head or len(parts) != 3 or parts[2].strip() != b"--":
            raise RefusedError("the form has not exactly one file")
        content = content.removesuffix(b"\r\n")
        if len(content) != upload.size:
            raise RefusedError("the content has another size than was said")
        upload.content, upload.receipt = content, secrets.token_hex(8)
        described = {
            "fileChecksum": _signature(content),
            "referenceChecksum": _signature(b"reference" + content),
            "wrappingKey": "AAAA",
            "size": len(content),
        }
        if content:
            described["receipt"] = upload.receipt
        return {"singleFile": described}

    def finish(self, zone: str, body: Any) -> dict[str, Any]:
        """Make a document of the content that was sent."""
        need(
            body,
            {"data", "command", "create_short_guid", "document_id", "path", "allow_conflict"}
            | {"file_flags", "mtime", "btime"},
        )
        upload = self._uploads[body["document_id"]]
        data = need(
            body["data"],
            {"signature", "wrapping_key", "reference_signature", "size"},
            {"receipt"},
        )
        if upload.content is None or data["signature"] != _signature(upload.content):
            raise RefusedError("the signature is not that of the content")
        if upload.content and data.get("receipt") != upload.receipt:
            raise RefusedError("the receipt is not that of the content")
        path = need(body["path"], {"starting_document_id", "path"})
        if "/" in path["path"] or body["command"] != "add_file" or not body["allow_conflict"]:
            raise RefusedError("no way to add a file")
        status = {"status_code": 0, "error_message": ""}
        try:
            with self._tree.lock:
                item = self._tree.new_file(
                    body["document_id"],
                    zone,
                    path["starting_document_id"],
                    path["path"],
                    upload.content,
                )
        except LookupError:
            refused = {"status_code": 404, "error_message": "parent not found"}
            return {"status": status, "results": [{"status": refused, "operation_id": None}]}
        document = {"document_id": item.docwsid, "etag": self._tree.etag(item), "type": "FILE"}
        result = {"status": status, "operation_id": None, "document": document}
        return {"status": status, "results": [result]}

    def locate(self, zone: str, docwsid: str, owner: str) -> dict[str, Any] | None:
        """Where the content of a document is; None where there is none to be had."""
        with self._tree.lock:
            item = self._find(zone, docwsid)
            if item is None or not item.content:
                return None
            if owner != (item.extra.get("owner") or {}).get("ownerRecordName", ""):
                return None  # it is in the zone of somebody else
            token = secrets.token_hex(8)
            self._downloads[token] = item.content
            kind = "package_token" if item.is_package else "data_token"
            url = f"{self._content_url}/download/{token}/{item.docwsid}"
            return {
                "document_id": docwsid,
                kind: {"url": url, "token": token, "signature": _signature(item.content)},
                "double_etag": self._tree.etag(item),
            }

    def content(self, token: str) -> bytes:
        """What a download address stands for."""
        return self._downloads[token]

    def _find(self, zone: str, docwsid: str) -> Item | None:
        return next(
            (
                item
                for item in self._tree.items.values()
                if (item.zone, item.docwsid, item.is_folder) == (zone, docwsid, False)
            ),
            None,
        )


def _signature(content: bytes) -> str:
    return base64.b64encode(b"\x01" + hashlib.sha1(content).digest()).decode()
