"""The local iCloud as an HTTPS server on this machine.

Belongs here: connections, addresses, cookies and faults. Does not belong here:
what any service answers. Every service has a path of its own on one port.
"""

from __future__ import annotations

import http.cookies
import http.server
import json
import re
import ssl
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.faults import Fault, Faults
from tests.fakes.icloud.account import Account
from tests.fakes.icloud.docws import DocumentService
from tests.fakes.icloud.drivews import DriveService, RefusedError
from tests.fakes.icloud.setup import DSID, Answer, SetupService, expired, parse
from tests.fakes.icloud.tree import Behaviour, Tree

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

__all__ = ["ICloudServer"]

_COOKIE = "X-APPLE-WEBAUTH-TOKEN"


class ICloudServer:
    """Start it with ``with``; ``refused`` has every request that iCloud does not know."""

    def __init__(
        self,
        certificate: tuple[Path, Path],
        behaviour: Behaviour | None = None,
        account: Account | None = None,
    ) -> None:
        self.account = account or Account()
        self.tree = Tree(behaviour)
        self.faults = Faults()
        self.refused: list[str] = []
        self.ranges = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self._http = _Quiet(("127.0.0.1", 0), _handler(self))
        self._http.socket = context.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._http.server_port}"
        self.setup = SetupService(self.account, self.tree, self.url)
        self.drive = DriveService(self.tree)
        self.documents = DocumentService(self.tree, f"{self.url}/content")
        self.stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: Any, body: bytes, fault: Any) -> Answer:
        """What a request is answered with."""
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        cookies = http.cookies.SimpleCookie(headers.get("Cookie", ""))
        cookie = cookies[_COOKIE].value if _COOKIE in cookies else ""
        if fault is not None and fault.kind == "expire":
            self.account.expire_cookies()
        service, _, route = parts.path.lstrip("/").partition("/")
        if service == "appleauth":
            return self.setup.sign_in(
                method, route.removeprefix("auth").strip("/"), headers, parse(body)
            )
        if service == "setup":
            return self.setup.set_up(method, route.removeprefix("ws/1/"), cookie, parse(body))
        if service == "content":
            return self._content(method, route, headers, body)
        if not self.account.is_open(cookie):
            return expired()
        if query.get("dsid") != DSID or "clientId" not in query:
            raise RefusedError(f"{target} does not say who asks")
        if (method, service, route) == ("POST", "account", "setup/ws/1/storageUsageInfo"):
            return self.setup.storage()
        if (method, service) == ("POST", "drivews"):
            partial = fault is not None and fault.kind == "partial"
            return Answer(body=self.drive.call(route, parse(body), partial=partial))
        if service == "docws":
            return self._document(method, route, query, body)
        raise RefusedError(f"{method} {target} is no request of iCloud")

    def _document(self, method: str, route: str, query: dict[str, str], body: bytes) -> Answer:
        match = re.fullmatch(r"ws/([^/]+)/([a-z_]+/[a-z_]+)(?:/(.+))?", route)
        zone, name, owner = match.groups() if match else ("", "", "")
        if (method, name) == ("POST", "upload/web") and "token" in query:
            try:
                return Answer(body=self.documents.begin(zone, parse(body)))
            except OverflowError as error:
                return Answer(507, {"errorCode": str(error), "reason": "Insufficient storage"})
        if (method, name) == ("POST", "update/documents"):
            return Answer(body=self.documents.finish(zone, parse(body)))
        if (method, name) == ("GET", "download/by_id"):
            found = self.documents.locate(zone, query["document_id"], owner or "")
            return Answer(404, {"reason": "Not found"}) if found is None else Answer(body=found)
        raise RefusedError(f"{method} {route} is no request of the documents")

    def _content(self, method: str, route: str, headers: Any, body: bytes) -> Answer:
        kind, _, key = route.partition("/")
        if (method, kind) == ("POST", "upload"):
            return Answer(body=self.documents.receive(key, headers["Content-Type"], body))
        content = self.documents.content(key.partition("/")[0])
        # As the content host does, by the name of the file: JSON is said to be JSON.
        kind = "application/json" if content[:1] == b"{" else "application/octet-stream"
        answer = Answer(body=content, headers={"Content-Type": kind})
        match = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
        if match and self.ranges:
            start = int(match[1])
            answer.status, answer.body = 206, content[start:]
            answer.headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return answer


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients of the tests hang up as they like."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(server: ICloudServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = -1  # head and body in one piece, or the client waits for its own delay
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Nothing: tests are quiet."""

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PUT(self) -> None:
            self._serve("PUT")

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = server.faults.next(method, urlsplit(self.path).path)
            if fault is not None and fault.kind == "stall":
                server.stopping.wait(5)
                self.close_connection = True
                return
            if fault is not None and fault.kind in ("status", "drop") and not fault.done:
                self._fail(fault)
                return
            try:
                answer = server.answer(method, self.path, self.headers, body, fault)
            except (RefusedError, KeyError) as error:
                server.refused.append(f"{method} {self.path}: {error!r}")
                answer = Answer(400, {"reason": "Bad request"})
            if fault is not None and fault.kind in ("status", "drop"):
                self._fail(fault)
            else:
                self._send(answer, fault)

        def _fail(self, fault: Fault) -> None:
            if fault.kind == "drop":
                self.close_connection = True
                return
            headers = {}
            if fault.retry_after_s is not None:
                headers["Retry-After"] = f"{fault.retry_after_s:g}"
            self._send(Answer(fault.status, {"reason": fault.reason or "Busy"}, headers), None)

        def _send(self, answer: Answer, fault: Fault | None) -> None:
            body = answer.body
            if not isinstance(body, bytes):
                body = b"" if body is None else json.dumps(body).encode()
                answer.headers.setdefault("Content-Type", "application/json")
            if fault is not None and fault.kind == "corrupt" and body:
                middle = len(body) // 2
                body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            for key, value in answer.cookies.items():
                self.send_header("Set-Cookie", f'{key}="{value}"; Path=/; Secure; HttpOnly')
            if answer.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is not None and fault.kind == "truncate":
                body, self.close_connection = body[: len(body) // 2], True
            self.wfile.write(body)

    return Handler
