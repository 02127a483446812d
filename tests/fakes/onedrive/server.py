"""The servers: requests in, answers out, faults between.

Belongs here: which call answers a request. Does not belong here: HTTP
(``transport.py``), what any call does.
"""

from __future__ import annotations

import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from tests.fakes.faults import Faults
from tests.fakes.onedrive.description import Call, parse
from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.feed_api import FeedApi
from tests.fakes.onedrive.items_api import ItemsApi
from tests.fakes.onedrive.login import Login
from tests.fakes.onedrive.sharing_api import SharingApi
from tests.fakes.onedrive.transport import Listener
from tests.fakes.onedrive.uploads_api import UploadsApi
from tests.fakes.onedrive.world import DriveState, Entry, World

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from tests.fakes.faults import Fault

__all__ = ["OneDriveServer"]

_EXPIRED = {"up": 404, "down": 403}


class OneDriveServer:
    """Graph by plain HTTP and the sign-in by TLS, while used as a context manager.

    Attributes:
        drive: The drive of the person who signs in, and of the app.
        endpoint: For the setting ``api_endpoint``; ``authority`` for that of the name.
        violations: Requests that the published API does not know.
        secrets: Every address that is a key by itself.
    """

    def __init__(self, kind: Literal["personal", "business"], certificate: tuple[Path, Path]):
        self.world = World()
        self.faults = Faults()
        self.login = Login()
        drive_id = "b6d0b1f7a1c2d3e4" if kind == "personal" else "b!-RIj2DuyvEyV1T4NlOaMHk8XkS"
        self.drive = self.world.add_drive(kind, drive_id, Login.person)
        self.items = ItemsApi(self)
        self.uploads = UploadsApi(self)
        self.feed = FeedApi(self)
        self.sharing = SharingApi(self)
        self.violations: list[str] = []
        self.secrets: list[str] = []
        self.is_partial = False
        self._downloads: dict[str, tuple[DriveState, Entry]] = {}
        self.released = threading.Event()
        self._graph = Listener(self._answer_graph, self.faults, self.released)
        self._sign_in = Listener(self._answer_login, self.faults, self.released, certificate)
        self.address = f"http://127.0.0.1:{self._graph.port}"
        self.endpoint = f"{self.address}/v1.0"
        self.authority = self.login.address = f"https://127.0.0.1:{self._sign_in.port}"

    def __enter__(self) -> Self:
        self._graph.start()
        self._sign_in.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._graph.stop()
        self._sign_in.stop()

    def link(self, path: str) -> str:
        """An address below the endpoint."""
        return f"{self.endpoint}{path}"

    def secret(self, kind: str) -> str:
        """A new key."""
        self.secrets.append(key := f"{kind}-{secrets.token_hex(12)}")
        return key

    def download_url(self, drive: DriveState, entry: Entry) -> str:
        """A new address of a file's content."""
        if entry.folder or entry.remote or drive.is_gone(entry):
            return ""
        self._downloads[key := self.secret("down")] = (drive, entry)
        return f"{self.address}/down/{key}"

    def drive_of(self, call: Call) -> DriveState:
        """The drive that a call is for."""
        if not call.drive:
            return self.drive
        drive = self.world.drives.get(call.drive)
        if drive is None:
            raise ApiError(404)
        return drive

    def entry_of(self, call: Call) -> tuple[DriveState, Entry]:
        """The item that a call is for."""
        drive = self.drive_of(call)
        start = drive.get(call.item) if call.item else drive.root
        return drive, drive.at(start.id, call.path) if call.path else start

    def _answer_login(
        self, method: str, target: str, headers: dict[str, str], body: bytes, fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        if fault is not None and fault.kind == "status":
            return fault.status, {"error": fault.reason or "server_error"}, _retry(fault)
        status, answer = self.login.answer(method, urlsplit(target).path, body)
        return status, answer, {}

    def _answer_graph(
        self, method: str, target: str, headers: dict[str, str], body: bytes, fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        with self.world.lock:
            try:
                self._refuse(fault, target)
                self.is_partial = fault is not None and fault.kind == "partial"
                return self._answer(method, target, headers, body)
            except ApiError as error:
                unknown = error.status in (400, 405) and error.code == "invalidRequest"
                if unknown and error.detail != "malformed id":
                    self.violations.append(f"{method} {target}: {error.detail}")
                return error.status, error.body, error.headers
            finally:
                self.is_partial = False

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(target)
        area, _, key = parts.path.strip("/").partition("/")
        if area == "up":
            return *self.uploads.session(method, key, headers, body), {}
        if area == "down":
            return self._content(key, headers)
        if not self.login.knows(headers.get("authorization", "").removeprefix("Bearer ")):
            raise ApiError(401)
        decoded: Any = None
        if headers.get("content-type") == "application/json":
            decoded = json.loads(body)
        call = parse(method, parts.path, parts.query, headers, decoded, body)
        if call.what == "batch":
            return 200, self._batch(call, headers), {}
        return *self._dispatch(call), {}

    def _dispatch(self, call: Call) -> tuple[int, Any]:
        calls = {
            "drive": self.items.drive,
            "item": self.items.item,
            "children": self.items.children,
            "search": self.items.search,
            "content": self.uploads.content,
            "createUploadSession": self.uploads.create,
            "delta": self.feed.delta,
            "permissions": self.sharing.permissions,
            "permission": self.sharing.permission,
            "invite": self.sharing.invite,
            "createLink": self.sharing.create_link,
        }
        return calls[call.what](call)

    def _batch(self, call: Call, headers: dict[str, str]) -> dict[str, Any]:
        if len(call.body["requests"]) > 20:
            raise ApiError(400, "invalidRequest", "more than 20 requests")
        answers = []
        kept = {"authorization": headers["authorization"]}
        for one in reversed(call.body["requests"]):  # in whatever order
            fault = self.faults.next(f"BATCH {one['method']}", one["url"])
            status, body, _ = self._answer_graph(
                one["method"], f"/v1.0{one['url']}", kept, b"", fault
            )
            answers.append({"id": one["id"], "status": status, "body": body})
        return {"responses": answers}

    def _content(self, key: str, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if "authorization" in headers:
            raise ApiError(400, "invalidRequest", "a token sent to a download address")
        if key not in self._downloads:
            raise ApiError(404)
        content = self._downloads[key][1].content
        wanted = headers.get("range")
        if wanted is None:
            return 200, content, {}
        begin, _, end = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(begin), min(int(end) + 1 if end else len(content), len(content))
        if start >= len(content):
            raise ApiError(416, "", "", {"Content-Range": f"bytes */{len(content)}"})
        told = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        return 206, content[start:stop], told

    def _refuse(self, fault: Fault | None, target: str) -> None:
        if fault is None:
            return
        if fault.kind == "status":
            raise ApiError(fault.status, fault.reason, "", _retry(fault))
        if fault.kind == "expire":
            area = urlsplit(target).path.strip("/").partition("/")[0]
            if area in _EXPIRED:
                raise ApiError(_EXPIRED[area], "itemNotFound", "expired")
            if "/delta" in target:
                raise self.feed.expired(self.drive)
            if "skiptoken" in unquote(target):
                raise ApiError(410, "resyncRequired", "skiptoken")
            self.login.revoke()


def _retry(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
