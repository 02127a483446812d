"""HTTP on this machine, with faults.

Belongs here: connections. Does not belong here: what is answered.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.faults import Fault, Faults

    Answer = Callable[
        [str, str, dict[str, str], bytes, Fault | None], tuple[int, Any, dict[str, str]]
    ]

__all__ = ["Listener"]


class Listener:
    """A server on a free port, by TLS if it has a certificate."""

    def __init__(
        self,
        answer: Answer,
        faults: Faults,
        released: threading.Event,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.answer = answer
        self._server.faults = faults
        self._server.released = released
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake is that of the connection's own thread.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    answer: Answer
    faults: Faults
    released: threading.Event

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        fault = self.server.faults.next(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None and fault.kind == "stall":
            self.server.released.wait(30)
            self.close_connection = True
            return
        if fault is not None and fault.kind == "drop" and not fault.done:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer, told = self.server.answer(self.command, self.path, headers, body, fault)
        if fault is not None and fault.kind == "drop":
            self.close_connection = True
            return
        self._send(status, answer, told, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _send(self, status: int, answer: Any, told: dict[str, str], fault: Fault | None) -> None:
        content = answer if isinstance(answer, bytes) else b""
        kind = "application/octet-stream"
        if answer is not None and not isinstance(answer, bytes):
            content, kind = json.dumps(answer).encode(), "application/json"
        if fault is not None and fault.kind == "corrupt" and content:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :]
        self.send_response(status)
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault is not None and fault.kind == "truncate":
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quiet."""
