"""A Grafana that keeps folders and dashboards as the real one's HTTP API does.

Belongs here: what Jarvis asks, with the statuses and messages of Grafana 12. Does not belong here:
drawing. No Grafana server comes as a package, so this stands in for one in tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import re
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FakeGrafana", "grafana"]


@dataclasses.dataclass
class FakeGrafana:
    """What it holds; ``answers`` are statuses given first."""

    token: str
    url: str = ""
    folders: dict[str, str] = dataclasses.field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    answers: list[int] = dataclasses.field(default_factory=list)

    def respond(self, method: str, path: str, token: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and content."""
        if self.answers:
            return self.answers.pop(0), {"message": "Internal Server Error"}
        if (method, path) == ("GET", "/api/health"):
            return 200, {"database": "ok", "version": "12.3.0", "commit": "stand-in"}
        if token != f"Bearer {self.token}":
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid"}
        if method == "GET" and (found := re.fullmatch(r"/api/folders/([^/]+)", path)):
            uid = found[1]
            if uid not in self.folders:
                return 404, {"message": "folder not found", "status": "not-found"}
            return 200, {"uid": uid, "title": self.folders[uid]}
        if (method, path) == ("POST", "/api/folders"):
            return self._add_folder(body)
        if (method, path) == ("POST", "/api/dashboards/db"):
            return self._add_dashboard(body)
        if method == "GET" and (found := re.fullmatch(r"/api/dashboards/uid/([^/]+)", path)):
            if found[1] not in self.dashboards:
                return 404, {"message": "Dashboard not found"}
            held = self.dashboards[found[1]]
            return 200, {"dashboard": held["dashboard"], "meta": {"folderUid": held["folder"]}}
        return 404, {"message": "Not found"}

    def _add_folder(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["title"] in self.folders.values():
            return 409, {"message": "a folder with the same name already exists in this location"}
        if body["uid"] in self.folders:
            return 412, {"message": "The folder has been changed by someone else"}
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", body["uid"]):
            return 400, {"message": "uid contains illegal characters"}
        self.folders[body["uid"]] = body["title"]
        return 200, {"uid": body["uid"], "title": body["title"]}

    def _add_dashboard(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        dashboard = body["dashboard"]
        if not dashboard.get("title"):
            return 400, {"message": "Dashboard title cannot be empty"}
        if len(dashboard["uid"]) > 40:
            return 400, {"message": "uid too long, max 40 characters"}
        if body.get("folderUid") and body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        held = self.dashboards.get(dashboard["uid"])
        if held is not None and not body.get("overwrite"):
            return 412, {
                "status": "version-mismatch",
                "message": "The dashboard has been changed by someone else",
            }
        version = 1 if held is None else held["dashboard"]["version"] + 1
        self.dashboards[dashboard["uid"]] = {
            "dashboard": {**dashboard, "version": version},
            "folder": body.get("folderUid"),
        }
        slug = re.sub(r"[^a-z0-9]+", "-", dashboard["title"].lower()).strip("-")
        return 200, {
            "status": "success",
            "uid": dashboard["uid"],
            "url": f"/d/{dashboard['uid']}/{slug}",
            "version": version,
        }


@contextlib.contextmanager
def grafana(token: str = "glsa_test") -> Iterator[FakeGrafana]:
    """Serve one."""
    held = FakeGrafana(token)

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            shown = self.headers.get("Authorization", "")
            status, content = held.respond(self.command, self.path, shown, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        held.url = f"http://127.0.0.1:{server.server_port}"
        yield held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
