"""The server: requests in, answers out, faults between.

Belongs here: HTTP. Does not belong here: what any call does.
"""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.faults import Faults
from tests.fakes.google.description import match
from tests.fakes.google.errors import ApiError, error_body
from tests.fakes.google.feed_api import FeedApi
from tests.fakes.google.files_api import FilesApi
from tests.fakes.google.media import Answer, Media
from tests.fakes.google.oauth import OAuth
from tests.fakes.google.permissions_api import PermissionsApi
from tests.fakes.google.world import World

if TYPE_CHECKING:
    from typing import Self

    from tests.fakes.faults import Fault
    from tests.fakes.google.description import Call

__all__ = ["GoogleServer"]


class GoogleServer:
    """Runs while it is used as a context manager.

    Attributes:
        address: Where it listens, for ``api_endpoint``.
        violations: Requests that the published description does not allow.
    """

    def __init__(self, *, quota: int | None = None) -> None:
        self.world = World(quota=quota)
        self.faults = Faults()
        self.oauth = OAuth()
        self.files = FilesApi(self.world)
        self.media = Media(self.world, self.files)
        self.feed = FeedApi(self.world)
        self.permissions = PermissionsApi(self.world)
        self.violations: list[str] = []
        self.released = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.google = self
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self.oauth.address = self.address
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: _Handler, body: bytes, fault: Fault | None) -> Answer:
        """What a request gets."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.path == "/token":
            return self._token(request, body)
        if parts.path == "/o/oauth2/auth":
            flat = {name: values[0] for name, values in query.items()}
            return Answer(302, b"", {"Location": self.oauth.consent(flat)})
        method = request.command
        if method == "POST" and request.headers.get("X-HTTP-Method-Override"):
            method = request.headers["X-HTTP-Method-Override"]
            query, body = parse_qs(body.decode(), keep_blank_values=True), b""
        self.oauth.check(request.headers.get("Authorization"))
        try:
            call = match(method, parts.path, query)
            with self.world.lock:
                return self._dispatch(call, request, body, fault)
        except ApiError as error:
            if error.reason in ("badRequest", "invalidParameter", "required", "fieldNotWritable"):
                self.violations.append(f"{method} {request.path}: {error}")
            raise

    def _token(self, request: _Handler, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        try:
            return Answer(200, self.oauth.token(form, request.headers.get("Authorization")))
        except ApiError as error:
            said = {"error": error.reason, "error_description": error.message}
            return Answer(error.status, said)

    def _dispatch(self, call: Call, request: _Handler, body: bytes, fault: Fault | None) -> Answer:
        if call.is_upload:
            if "upload_id" in call.query:
                return self.media.proceed(call.query["upload_id"], request.headers, body)
            content = json.loads(body or b"{}")
            call.check_body(content)
            return self.media.start(call, content, request.headers, self.address)
        if call.query.get("alt") == "media":
            if call.name == "files.export":
                return self.media.export(call)
            return self.media.download(call, request.headers)
        content = json.loads(body) if body else {}
        call.check_body(content)
        return Answer(200, self._json(call, content, fault))

    def _json(self, call: Call, body: dict[str, Any], fault: Fault | None) -> Any:
        match call.name:
            case "files.get":
                return self.files.get(call)
            case "files.list":
                partial = fault is not None and fault.kind == "partial"
                return self.files.list(call, partial=partial)
            case "files.create":
                self.files.check_create(call, body)
                return self.files.create(call, body)
            case "files.update":
                return self.files.update(call, body)
            case "files.delete":
                return self.files.delete(call)
            case "files.generateIds":
                return self.files.generate_ids(call)
            case "about.get":
                return self.files.about(call)
            case "changes.getStartPageToken":
                return self.feed.start_token(call)
            case "changes.list":
                return self.feed.list(call)
            case "permissions.list":
                return self.permissions.list(call)
            case "permissions.create":
                return self.permissions.create(call, body)
            case "permissions.update":
                return self.permissions.update(call, body)
            case "permissions.delete":
                return self.permissions.delete(call)
        raise ApiError(501, "notImplemented", f"This server has no {call.name}")


class _Http(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    google: GoogleServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def _handle(self) -> None:
        google = self.server.google
        fault = google.faults.next(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None and fault.kind == "stall":
            google.released.wait(30)
            self.close_connection = True
            return
        if fault is not None and fault.kind == "drop" and not fault.done:
            self.close_connection = True
            return
        try:
            if fault is not None:
                _refuse(google, fault, self.path)
            answer = google.answer(self, body, fault)
        except ApiError as error:
            said = error_body(error.status, error.reason, error.message)
            answer = Answer(error.status, said, error.headers)
        if fault is not None and fault.kind == "drop":
            self.close_connection = True
            return
        self._send(answer, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        headers, content = dict(answer.headers), answer.body
        if not isinstance(content, bytes):
            headers.setdefault("Content-Type", "application/json; charset=UTF-8")
            content = b"" if content is None else json.dumps(content).encode()
        if fault is not None and fault.kind == "corrupt" and content:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :]
        self.send_response(204 if answer.body is None else answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault is not None and fault.kind == "truncate":
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Tests are quiet."""


def _refuse(google: GoogleServer, fault: Fault, path: str) -> None:
    """The faults that Google has words for."""
    if fault.kind == "status":
        headers = {}
        if fault.retry_after_s is not None:
            headers["Retry-After"] = f"{fault.retry_after_s:g}"
        raise ApiError(fault.status, fault.reason or "backendError", headers=headers)
    if fault.kind == "expire":
        if "upload_id=" in path:
            google.media.sessions.clear()
            raise ApiError(404, "notFound", "The upload session is gone")
        if "/changes?" in path:
            raise ApiError(410, "gone", "The page token is no longer valid")
        if "pageToken=" in path:
            google.files.forget_pages()
            raise ApiError(400, "invalid", "Invalid Value: pageToken")
        google.oauth.access_tokens.clear()
        raise ApiError(401, "authError", "Invalid Credentials")
