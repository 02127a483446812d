"""Who is at work on a backup.

Belongs here: the lock, on any place that can keep, list and remove blobs.
Does not belong here: what is done under it.

A process writes a lock of its own and then looks for others that exclude it;
if there is one, it takes its own back. So two that come at the same moment may
both be refused, but never both let in; a few tries at random intervals sort
that out. A lock is stale when its process is gone, or, on another machine, when
it has not been renewed for a while.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Literal

from jarvis_dagster.errors import JarvisError, PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.backup.places import Blob, Place

__all__ = ["BusyError", "Lock", "Work", "locked"]

Work = Literal["create", "prune", "read"]
_EXCLUDES: dict[str, set[str]] = {
    "create": {"create", "prune"},
    "prune": {"create", "prune", "read"},
    "read": {"prune"},
}
_TRIES = 4
_CLOCK_S = 30.0  # by which a set clock may move the start of a process


class BusyError(TransientError):
    """Another process is at work on this backup."""


@dataclasses.dataclass
class Lock:
    """A held lock."""

    place: Place
    name: str
    holder: dict[str, str]

    def write(self) -> None:
        """Show a sign of life."""
        renewed = datetime.datetime.now(datetime.UTC).isoformat()
        self.place.put(self.name, json.dumps({**self.holder, "renewed": renewed}).encode())

    def confirm(self) -> None:
        """Return if the lock is still held. Asked before anything is named or removed.

        Raises:
            BusyError: another process took it over, since this one was silent for too long.
        """
        found = _read(self.place.get(self.name) or b"")
        if found.get("token") != self.holder["token"]:
            raise BusyError(
                f"The lock of the backup at {self.place.where} was lost while this process slept.",
                "Run the command again; what was written so far is used.",
            )


@contextlib.contextmanager
def locked(place: Place, work: Work, *, stale_s: float) -> Iterator[Lock]:
    """Hold the lock for ``work`` within the block.

    Raises:
        BusyError: another process is at work that this excludes; the message says which.
    """
    lock = Lock(place, f"locks/{secrets.token_hex(16)}", _holder(work))
    try:
        retrying(_TRIES, first_wait_s=0.3, max_wait_s=1.0)(_acquire, lock, work, stale_s)
    except PermanentError:
        if work != "read":
            raise
        # A place that cannot be written cannot be pruned either.
        yield lock
        return
    done = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lock, done, stale_s / 4), daemon=True)
    renewal.start()
    try:
        yield lock
    finally:
        done.set()
        renewal.join()
        place.delete(lock.name)


def _acquire(lock: Lock, work: Work, stale_s: float) -> None:
    others = _others(lock, work, stale_s)
    if not others:
        lock.write()
        try:
            others = _others(lock, work, stale_s)
        except BaseException:
            lock.place.delete(lock.name)
            raise
        if others:
            lock.place.delete(lock.name)
    if others:
        raise BusyError(
            f"The backup at {lock.place.where} is in use: {' and '.join(others)}.",
            "Wait for it to end.",
        )


def _others(lock: Lock, work: Work, stale_s: float) -> list[str]:
    """Locks that exclude ours, in words; stale ones are removed."""
    found = []
    for blob in list(lock.place.list("locks/")):
        data = None if blob.name == lock.name else lock.place.get(blob.name)
        if data is None:
            continue
        holder = _read(data)
        if _is_stale(holder, blob, stale_s):
            lock.place.delete(blob.name)
        elif holder.get("work", "prune") in _EXCLUDES[work]:
            found.append(
                f"{holder.get('work', 'somebody')} by process {holder.get('pid', '?')} on"
                f" {holder.get('host', 'an unknown machine')} since {holder.get('since', '?')}"
            )
    return found


def _read(data: bytes) -> dict[str, str]:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _is_stale(holder: dict[str, str], blob: Blob, stale_s: float) -> bool:
    import psutil

    if holder.get("host") == _host():
        try:
            began = psutil.Process(int(holder["pid"])).create_time()
            return began > float(holder["started"]) + _CLOCK_S
        except psutil.NoSuchProcess:
            return True
        except (KeyError, ValueError, psutil.Error):
            pass  # its age decides
    age = datetime.datetime.now(datetime.UTC) - max(blob.modified, _renewed(holder, blob))
    return age.total_seconds() > stale_s


def _renewed(holder: dict[str, str], blob: Blob) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(holder["renewed"])
    except (KeyError, ValueError):
        return blob.modified


def _renew(lock: Lock, done: threading.Event, every_s: float) -> None:
    while not done.wait(every_s):
        with contextlib.suppress(JarvisError):  # an outage; confirm() notices if it lasts
            if lock.place.get(lock.name) is not None:
                lock.write()


def _holder(work: Work) -> dict[str, str]:
    import psutil

    return {
        "work": work,
        "host": _host(),
        "pid": str(os.getpid()),
        "started": repr(psutil.Process().create_time()),
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "token": secrets.token_hex(8),
    }


def _host() -> str:
    """This machine or container: process numbers mean nothing in another."""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # not a path
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()
