"""One supervisord, over its Unix socket.

Belongs here: its own configuration, starting it, asking it for things, and what its silence means.
Does not belong here: which programs it runs (``stack/supervision.py``: the embedded stack;
``workflows/worker_pool.py``: workers).
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import xmlrpc.client
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import tenacity

from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LONGEST_SOCKET", "Supervisord", "configuration", "plain"]

LONGEST_SOCKET = 90
"""Bytes of its path. The kernel's limit is 108 on Linux and 104 on macOS, and supervisord binds
the socket under a longer temporary name (".<pid>") first."""

_ALREADY = {60, 70}  # already started, not running
_COMES_UP_S = 60


@dataclasses.dataclass(frozen=True)
class Supervisord:
    """One of them, whether it runs or not.

    Attributes:
        title: What people know it by: ``The supervisor``.
        start: What starts it, for who asks it in vain.
    """

    title: str
    socket: Path
    log: Path
    start: str

    def launch(
        self, config: Path, *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it in the background, and wait until it answers.

        Raises:
            TransientError: it does not come up; the message holds the reason.
        """
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            reason = next((line for line in said if line.startswith("Error")), said[-1])
            raise TransientError(
                f"{self.title} did not start: {reason.rstrip('.')}.",
                f"See {self.log}.",
            )
        answers = tenacity.Retrying(
            stop=tenacity.stop_after_delay(_COMES_UP_S),
            wait=tenacity.wait_fixed(0.05),
            retry=tenacity.retry_if_exception_type(TransientError),
            reraise=True,
        )
        answers(self.call, "getState")

    def answers(self) -> bool:
        """Whether it can be asked for things."""
        try:
            self.call("getState")
        except TransientError:
            return False
        return True

    def is_gone(self) -> bool:
        """Whether nobody is there, not even one that shuts down and refuses everything."""
        try:
            self.call("getState")
        except _RefusedError:
            return False
        except TransientError:
            return True
        return False

    def programs(self) -> list[dict[str, Any]]:
        """What it says of each of its programs."""
        found: list[dict[str, Any]] = self.call("getAllProcessInfo")
        return found

    def call(self, method: str, *arguments: Any) -> Any:
        """Have it do something; what is so already is no error.

        Raises:
            TransientError: it refuses, or does not answer.
        """
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in _ALREADY:
                return None
            raise _RefusedError(
                f"{self.title} refused {method}: {fault.faultString}.", f"See {self.log}."
            ) from fault
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise TransientError(f"{self.title} does not answer.", self.start) from error


class _RefusedError(TransientError):
    """It answers, and does not do it."""


def configuration(
    *, identifier: str, written_by: str, logs: str, socket: Path, programs: str
) -> str:
    """The text of its file.

    Args:
        written_by: The command, for who opens the file.
        logs: Folder of its log, as supervisord writes paths.
        programs: The sections of the programs.
    """
    return (
        f"; Written by `{written_by}`. Changes are lost.\n"
        "[supervisord]\n"
        f"identifier={identifier}\n"
        f"logfile={logs}/supervisord.log\n"
        "logfile_maxbytes=5MB\n"
        "logfile_backups=1\n"
        "pidfile=%(here)s/supervisord.pid\n"
        f"childlogdir={logs}\n"
        "umask=077\n"
        "nocleanup=true\n"
        "\n[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"\n[unix_http_server]\nfile={plain(str(socket))}\nchmod=0700\n"
    ) + programs


def plain(text: str) -> str:
    """Text in which nothing stands for anything else."""
    return text.replace("%", "%%")
