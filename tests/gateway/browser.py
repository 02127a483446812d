"""A headless Chromium, driven over its DevTools protocol.

Belongs here: what a person does with pages: open, fill in, press, look. Does not belong here: what
is expected of them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import psutil
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE_S = 120.0


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


class Browser:
    """One tab."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.said: list[str] = []
        """What the browser complained of: blocked contents, errors of scripts."""
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=_PATIENCE_S))
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            if (
                told.get("method") == "Log.entryAdded"
                and told["params"]["entry"]["level"] == "error"
            ):
                entry = told["params"]["entry"]
                self.said.append(f"{entry['text']} {entry.get('url', '')}")

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        told = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        return told["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Wait until an expression is true."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):  # while the page changes
                if found := self.value(script):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{script} did not come true; on the page: {self.text()[:2000]}")

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        self.ask("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def fill_in(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.ask("Input.insertText", text=text)

    def press(self, selector: str) -> None:
        """Press a button or a link, and wait for the page that follows."""
        self.value("window.before = true")
        self.value(f"document.querySelector({json.dumps(selector)}).click()")
        self.wait_for("!window.before && document.readyState === 'complete'")

    def text(self) -> str:
        """What the page says."""
        return self.value("document.body ? document.body.innerText : ''") or ""

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window's size in CSS pixels, and the colours that the person prefers."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return self.value("document.documentElement.scrollWidth > window.innerWidth + 1")

    def screenshot(self, path: Path) -> None:
        """A picture of what is in the window."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser that knows nothing yet, with its profile in ``folder``."""
    program = find_chromium()
    assert program is not None
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-proxy-server",
                "--disable-extensions",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={folder / 'profile'}",
                "--remote-debugging-port=0",
                "about:blank",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield from _connected(folder)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(20)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def _connected(folder: Path) -> Iterator[Browser]:
    import urllib.request

    told = folder / "profile" / "DevToolsActivePort"
    deadline = time.monotonic() + _PATIENCE_S
    while not told.is_file() or not told.read_text():
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.1)
    port = told.read_text().splitlines()[0]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=60) as listed:
        target = next(one for one in json.load(listed) if one["type"] == "page")
    with connect(
        target["webSocketDebuggerUrl"], max_size=None, max_queue=None, proxy=None
    ) as socket:
        yield Browser(socket)
