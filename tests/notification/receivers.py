"""Real receivers: an SMTP server, and an HTTP server that may refuse."""

from __future__ import annotations

import contextlib
import dataclasses
import email
import email.policy
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

__all__ = ["Hook", "Mailbox", "hook", "mailbox"]


@dataclasses.dataclass
class Mailbox:
    """What an SMTP server took; ``busy`` makes it answer 451 to everything."""

    port: int = 0
    mails: list[EmailMessage] = dataclasses.field(default_factory=list)
    busy: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.busy:
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(mail)
        return "250 taken"


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    (box.port,) = free_ports(1)
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


_SLACK_SAYS = {200: b"ok", 404: b"no_service", 403: b"action_prohibited", 429: b"rate_limited"}
"""Bodies, as Slack's webhooks give them."""


@dataclasses.dataclass
class Hook:
    """What was posted; ``answers`` are given first, then 200."""

    port: int = 0
    posts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    answers: list[int] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    told = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            answer = told.answers.pop(0) if told.answers else 200
            if answer == 200:
                told.posts.append(json.loads(content))
            said = _SLACK_SAYS.get(answer, b"")
            self.send_response(answer)
            if answer == 429:
                self.send_header("Retry-After", "30")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        told.port = server.server_port
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
