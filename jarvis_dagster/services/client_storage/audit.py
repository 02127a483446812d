"""Who was given what, and what was refused: a log that is only ever added to.

Belongs here: writing and reading its lines. Does not belong here: deciding.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["AuditLog"]


class AuditLog:
    """One JSON object a line; on the disk before the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, action: str, *, allowed: bool, **facts: Any) -> None:
        """Note an action with its facts; ``allowed`` is False for a refusal."""
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "action": action,
            "allowed": allowed,
            **{key: value for key, value in facts.items() if value not in (None, (), [])},
        }
        line = json.dumps(entry, ensure_ascii=False, default=str) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0, os.SEEK_END)
            if stream.tell() and os.pread(handle, 1, stream.tell() - 1) != b"\n":
                line = f"\n{line}"  # a power failure cut the line before
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries, oldest first; a line cut short by a power failure is left out."""
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
