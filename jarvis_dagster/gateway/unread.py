"""What the proxy refuses before there is a request: broken TLS, and none where it has to be.

Belongs here: noting it in the audit log from what Caddy writes of it. Does not belong here: what is
refused as a request (``deciding``), the proxy's configuration (``proxy``).
"""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.security import acting_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.security import JarvisSecurityService

__all__ = ["LOG_NAME", "Unread"]

LOG_NAME = "unread.log"
"""The file in the proxy's folder that Caddy writes to, and begins anew when it is full."""

_LINE = re.compile(r"http: TLS handshake error from (.+):\d+: (.+)", re.DOTALL)
_LEFT = re.compile(r"EOF$|^remote error: |connection reset by peer$|broken pipe$")
"""Who went away by themselves were not refused: a probe, a browser that lacks the root."""
_SLOW = "i/o timeout"
_MOST_READ = 4_000_000
_MOST_ADDRESSES = 100
_LOOK_S, _PAUSE_S = 2.0, 60.0


class Unread:
    """Follows Caddy's log. What was read is remembered on the disk: a restart loses nothing."""

    def __init__(self, folder: Path, security: JarvisSecurityService) -> None:
        self._path, self._place = folder / LOG_NAME, folder / "unread.json"
        self._security = security

    async def follow(self) -> None:
        """Note what is new, until cancelled; of a flood one entry per address and minute."""
        while True:
            try:
                noted = await asyncio.to_thread(self.note)
            except (TransientError, OSError) as error:
                logging.getLogger(__name__).warning("What the proxy refused waits: %s", error)
                noted = True
            await asyncio.sleep(_PAUSE_S if noted else _LOOK_S)

    def note(self) -> bool:
        """Note what is new, one entry per address; whether there was anything.

        Raises:
            TransientError: the audit log cannot be written; it is all noted the next time.
        """
        lines, place = self._new()
        if not lines:
            return False
        seen: dict[str, collections.Counter[str]] = {}
        for address, reason in filter(None, map(_refusal, lines)):
            seen.setdefault(address, collections.Counter())[reason] += 1
        by_weight = sorted(seen.items(), key=lambda one: -one[1].total())
        for address, reasons in by_weight[:_MOST_ADDRESSES]:
            self._add(address, "; ".join(reasons), reasons.total())
        if rest := by_weight[_MOST_ADDRESSES:]:
            times = sum(reasons.total() for _, reasons in rest)
            self._add("", f"of {len(rest)} more addresses", times)
        self._place.write_text(json.dumps(place), "utf-8")
        return bool(seen)

    def _add(self, address: str, reason: str, times: int) -> None:
        with acting_from(address):
            self._security.audit.add(
                "gateway",
                allowed=False,
                by="unknown",
                object="TLS handshake",
                reason=reason[:300],
                times=times,
            )

    def _new(self) -> tuple[list[bytes], tuple[int, int]]:
        """The whole lines since the last time, and how far that is: a file and a place in it."""
        file, start = self._last()
        lines: list[bytes] = []
        for path in self._files(file):
            with path.open("rb") as stream:
                number = path.stat().st_ino
                size = stream.seek(0, 2)
                stream.seek(start if number == file and start <= size else 0)
                got = stream.read(_MOST_READ)
                whole = got[: got.rfind(b"\n") + 1]
                file, start = number, stream.tell() - len(got) + len(whole)
                lines += whole.splitlines()
        return lines, (file, start)

    def _files(self, last: int) -> Iterator[Path]:
        """The file that was read last, if Caddy has begun a new one since, and the one of now."""
        if not self._path.is_file():
            return
        if self._path.stat().st_ino != last:
            pattern = f"{self._path.stem}-*"
            full = self._path.parent.glob(pattern)
            yield from (path for path in full if path.stat().st_ino == last)
        yield self._path

    def _last(self) -> tuple[int, int]:
        try:
            file, start = json.loads(self._place.read_text("utf-8"))
            return int(file), int(start)
        except (OSError, ValueError, TypeError):  # never read, or cut short: all is new
            return 0, 0


def _refusal(line: bytes) -> tuple[str, str] | None:
    """The address and the reason of a line of Caddy's, if it is about a refusal."""
    try:
        message = json.loads(line)["msg"]
    except (ValueError, KeyError, TypeError):
        return None
    found = _LINE.fullmatch(str(message))
    if found is None or _LEFT.search(found[2]):
        return None
    reason = "not finished in time" if found[2].endswith(_SLOW) else found[2].removeprefix("tls: ")
    return found[1].strip("[]")[:64], reason
