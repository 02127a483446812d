"""Who did what to which object: a log that is only ever added to, and shows when it was not.

Belongs here: writing, reading and verifying its lines. Does not belong here: deciding.

Each line holds the hash of the line before it and its own, so that a line that was changed, taken
out or put in breaks the chain there. What was cut off at the end shows only beside a head
(:meth:`AuditLog.head`) that was noted elsewhere.
"""

from __future__ import annotations

import datetime
import errno
import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.security.principal import current_address, current_principal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["AuditLog", "Head"]

_FIRST = "0" * 64
_LONGEST_TEXT = 2000
_TAKEN_OVER = "audit.take_over"


class Head(NamedTuple):
    """The end of the log: how many lines there are, and the hash of the last."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


class AuditLog:
    """One JSON object a line; on the disk before a call returns. Safe for threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, action: str, *, allowed: bool, **facts: Any) -> None:
        """Note an action with its facts; ``allowed`` is False for a refusal.

        ``by`` is the principal in force unless the facts name another.

        Raises:
            TransientError: the line cannot be written; what is not noted must not be done.
        """
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "action": action,
            "allowed": allowed,
            "by": current_principal().name,
            **({"from": current_address()} if current_address() else {}),
            **{key: _short(value) for key, value in facts.items() if value not in (None, (), [])},
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "r+b") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                last, whole = _last_line(handle)
                count, before = (last["n"], last["hash"]) if last else (0, _FIRST)
                line = _sealed({"n": count + 1, **entry, "before": before})
                # A line that a power failure cut short stays, and is no part of the chain.
                _append(handle, line if whole else b"\n" + line)
                os.fsync(handle)
        except OSError as error:
            raise TransientError(
                f"The audit log {self.path} cannot be written ({error}); {action} was not done.",
                "Check the disk and the rights of that file.",
            ) from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries, oldest first; a line cut short by a power failure is left out."""
        for _, entry in self._lines():
            if entry is not None:
                yield entry

    def take_over(self, path: Path) -> None:
        """Make another log a part of this one; nothing if there is none.

        Its file gets another name, is never added to again, and is verified with this log.

        Raises:
            TransientError: the files cannot be read or written.
        """
        if not path.is_file():
            return
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            kept = path.with_name(f"{path.stem}-{digest[:12]}{path.suffix}")
            where = os.path.relpath(kept, self.path.parent)  # a restored copy is elsewhere
            self.add(_TAKEN_OVER, allowed=True, object=where, sha256=digest)
            path.replace(kept)
        except FileNotFoundError:  # another process was quicker
            return
        except OSError as error:
            raise TransientError(
                f"The audit log {path} cannot be taken over ({error}).",
                "Check the disk and the rights of that file.",
            ) from error

    def history(self) -> Iterator[dict[str, Any]]:
        """All entries, those of the logs that were taken over included, in their place."""
        seen: set[str] = set()
        for entry in self.entries():
            place = str(entry.get("object", ""))
            if entry.get("action") == _TAKEN_OVER and place not in seen:
                seen.add(place)
                yield from AuditLog(self.path.parent / place).entries()
            yield entry

    def head(self) -> Head:
        """The end of the log as it is now; note it elsewhere to see later that nothing is gone."""
        last = Head(0, _FIRST)
        for entry in self.entries():
            last = Head(int(entry["n"]), str(entry["hash"]))
        return last

    def verify(self, head: Head | None = None) -> list[str]:
        """What is wrong with the log, line by line; empty when nothing is.

        Args:
            head: An end that was noted earlier and has to be in the log.
        """
        wrong: list[str] = []
        count, before, seen = 0, _FIRST, head is None or head.number == 0
        for number, entry in self._lines():
            if entry is None:
                continue
            problem = _problem(entry, count, before)
            if problem:
                wrong.append(f"line {number}: {problem}")
            elif entry.get("action") == _TAKEN_OVER:
                wrong.extend(_of_taken_over(self.path.parent, entry))
            count, before = int(entry.get("n", count + 1)), str(entry.get("hash", ""))
            seen = seen or head == Head(count, before)
        if not seen:
            assert head is not None
            wrong.append(f"the entry {head.number} that was noted earlier is gone or another")
        return wrong

    def _lines(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        if not self.path.is_file():
            return
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, _parsed(line)


def _append(handle: int, line: bytes) -> None:
    """Write a whole line or nothing: a full disk takes a part of it, and says nothing."""
    size = os.fstat(handle).st_size
    if os.write(handle, line) < len(line):
        os.ftruncate(handle, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sealed(entry: dict[str, Any]) -> bytes:
    return json.dumps({**entry, "hash": _hash(entry)}, ensure_ascii=False).encode() + b"\n"


def _hash(entry: dict[str, Any]) -> str:
    own = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def _problem(entry: dict[str, Any], count: int, before: str) -> str:
    if entry.get("hash") != _hash(entry):
        return "the entry was changed"
    if entry["n"] != count + 1:
        return f"entry {entry['n']} follows entry {count}"
    if entry["before"] != before:
        return "the entry before it was changed"
    return ""


def _of_taken_over(folder: Path, entry: dict[str, Any]) -> list[str]:
    path = folder / str(entry["object"])
    try:
        same = hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    except OSError as error:
        return [f"{path}, which was taken over, cannot be read ({error.strerror})"]
    return [] if same else [f"{path}, which was taken over, was changed"]


def _short(value: Any) -> Any:
    """What JSON can hold, which escapes line breaks; nobody fills the log with one entry."""
    value = json.loads(json.dumps(value, default=str))
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _last_line(handle: int) -> tuple[dict[str, Any] | None, bool]:
    """The last entry that is whole, and whether the file ends with the end of a line."""
    size = os.fstat(handle).st_size
    whole = size == 0 or os.pread(handle, 1, size - 1) == b"\n"
    reach = 8192
    while size:
        start = max(0, size - reach)
        lines = os.pread(handle, size - start, start).split(b"\n")
        for line in reversed(lines if start == 0 else lines[1:]):
            entry = _parsed(line) if line.strip() else None
            if entry is not None and "hash" in entry and "n" in entry:
                return entry, whole
        if start == 0:
            break
        reach *= 4
    return None, whole
