"""Processes of this machine as the operating system tells of them.

Belongs here: finding the stack's own processes again, who listens on a port, stopping leftovers.
Does not belong here: the supervisor and what it runs.

A process belongs to a stack if its environment names the stack's data directory. Unlike a
recorded process id, that cannot be confused with a process that got the id later, and it also
finds the children of the stack's programs.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = [
    "MARKER",
    "MARKER_PROGRAM",
    "Listener",
    "holders_of",
    "is_free",
    "is_started",
    "listener_on",
    "marked_processes",
    "memory_bytes",
    "stop_processes",
]

MARKER = "JARVIS_STACK_DIR"
"""Environment variable by which the stack's processes, and theirs, are known again."""
MARKER_PROGRAM = "JARVIS_STACK_PROGRAM"
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)


@dataclass(frozen=True)
class Listener:
    """Who holds a port; `data_dir` if it is a Jarvis stack."""

    pid: int | None
    name: str
    data_dir: str | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        ours = f" of the Jarvis stack in {self.data_dir}" if self.data_dir else ""
        return f"{self.name} (process {self.pid}){ours}"


def marked_processes(data_dir: str) -> dict[psutil.Process, str]:
    """Return the processes of the stack in `data_dir`, each with its program's name.

    This process and those above it are left out: a command may run inside the stack.
    """
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {}
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        environ = _environ(process)
        if environ.get(MARKER) == data_dir:
            found[process] = environ.get(MARKER_PROGRAM, "")
    return found


def is_started(pid: int | None, program: str) -> bool:
    """Tell whether the process is `program` by now, and not yet what clears the way for it."""
    if pid is None:
        return False
    with contextlib.suppress(*_GONE):
        return _environ(psutil.Process(pid)).get(MARKER_PROGRAM) == program
    return False


def holders_of(ports: Collection[int], data_dir: str) -> list[psutil.Process]:
    """Return the processes of the stack in `data_dir` that listen on one of `ports`."""
    if not ports:
        return []
    found = []
    for process in marked_processes(data_dir):
        with contextlib.suppress(*_GONE):
            if _listens(process, ports):
                found.append(process)
    return found


def is_free(port: int, host: str) -> bool:
    """Tell whether `host`:`port` can be listened on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def listener_on(port: int) -> Listener:
    """Return who listens on `port`, as far as this user may know."""
    for process in psutil.process_iter():
        with contextlib.suppress(*_GONE):
            if _listens(process, (port,)):
                return Listener(process.pid, process.name(), _environ(process).get(MARKER))
    return Listener(None, "")


def stop_processes(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Ask the processes to end, kill those that do not in time; return those that still live."""
    left = list(processes)
    for process in left:
        with contextlib.suppress(*_GONE):
            process.terminate()
    _, left = psutil.wait_procs(left, timeout=timeout_s)
    for process in left:
        with contextlib.suppress(*_GONE):
            process.kill()
    _, left = psutil.wait_procs(left, timeout=5)
    return [process for process in left if _is_alive(process)]


def memory_bytes(pid: int) -> int | None:
    """Return the resident memory of a process and all below it, or None if it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except _GONE:
        return None
    total = 0
    for member in family:
        with contextlib.suppress(*_GONE):
            total += member.memory_info().rss
    return total


def _listens(process: psutil.Process, ports: Collection[int]) -> bool:
    connections = process.net_connections(kind="tcp")
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port in ports for c in connections)


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except _GONE:
        return {}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except _GONE:
        return False
