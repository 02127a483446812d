"""The supervisor that keeps the stack's programs running: supervisord, over its Unix socket.

Belongs here: its configuration, starting and ending it, and asking it for things.
Does not belong here: which programs are started when (`lifecycle`).

supervisord and not circus: it needs nothing but the standard library, answers over a plain Unix
socket that only this user can open, and rotates logs itself; circus brings ZeroMQ, tornado and
TCP endpoints without a login.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import xmlrpc.client
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import tenacity

from jarvis_dagster.errors import TransientError
from jarvis_dagster.stack.config import PROGRAM_NAMES, StackConfig
from jarvis_dagster.stack.layout import StackPaths, write_private
from jarvis_dagster.stack.processes import MARKER, MARKER_PROGRAM

__all__ = ["SUPERVISOR", "ProgramState", "Supervisor"]

SUPERVISOR = "supervisor"
"""The supervisor's own name among the stack's programs."""

_ALREADY = {60, 70}  # already started, not running
_STARTING_TRIES = 3
_STAYS_UP_S = {"worker": 10, "dagster-daemon": 10}
"""How long these must run to count as started; the rest, which can be asked, 2 s."""


@dataclass(frozen=True)
class ProgramState:
    """What the supervisor says of one program. `state` is one of supervisord's names."""

    name: str
    state: str
    pid: int | None = None
    uptime_s: float | None = None
    reason: str = ""

    @property
    def is_up(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


class Supervisor:
    """One data directory's supervisord."""

    def __init__(self, config: StackConfig) -> None:
        self._config = config
        self._paths = StackPaths(config.data_dir)

    def is_alive(self) -> bool:
        """Tell whether it answers."""
        try:
            self._call("getState")
        except TransientError:
            return False
        return True

    def ensure(self) -> None:
        """Start it unless it answers.

        Raises:
            TransientError: it does not come up; the message holds the reason.
        """
        if self.is_alive():
            return
        write_private(self._paths.supervisor_config, self._configuration())
        command = [sys.executable, "-m", "supervisor.supervisord"]
        marker = {MARKER: str(self._config.data_dir), MARKER_PROGRAM: SUPERVISOR}
        started = subprocess.run(
            [*command, "-c", str(self._paths.supervisor_config)],
            env={**os.environ, **marker},
            cwd=self._paths.run,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode != 0:
            said = (started.stderr or started.stdout).strip().splitlines()
            raise TransientError(
                f"The supervisor did not start: {said[-1] if said else 'it said nothing'}.",
                f"See {self._paths.supervisor_log}.",
            )
        answers = tenacity.Retrying(
            stop=tenacity.stop_after_delay(20),
            wait=tenacity.wait_fixed(0.05),
            retry=tenacity.retry_if_exception_type(TransientError),
            reraise=True,
        )
        answers(self._call, "getState")

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program; empty if the supervisor does not run."""
        try:
            infos = self._call("getAllProcessInfo")
        except TransientError:
            return {}
        return {info["name"]: _state(info) for info in infos}

    def start(self, name: str) -> None:
        """Have `name` started; does not wait."""
        self._call("startProcess", name, False)

    def stop(self, names: list[str]) -> None:
        """Have `names` stopped, all at once, and wait until they are."""
        for name in names:
            self._call("stopProcess", name, False)
        stopped = tenacity.Retrying(
            stop=tenacity.stop_after_delay(self._config.stop_timeout_s + 10),
            wait=tenacity.wait_fixed(0.1),
            retry=tenacity.retry_if_result(lambda done: not done),
        )
        try:
            stopped(lambda: not self._running(names))
        except tenacity.RetryError:
            still = ", ".join(self._running(names))
            raise TransientError(
                f"{still} did not stop.", f"See {self._paths.supervisor_log}."
            ) from None

    def shut_down(self) -> None:
        """Have it end; does not wait. Nothing happens if it does not run."""
        with contextlib.suppress(TransientError):
            self._call("shutdown")

    def _running(self, names: list[str]) -> list[str]:
        states = self.states()
        over = ("STOPPED", "EXITED", "FATAL")
        return [name for name in names if name in states and states[name].state not in over]

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._paths.supervisor_socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in _ALREADY:
                return None
            raise TransientError(
                f"The supervisor refused {method}: {fault.faultString}.",
                f"See {self._paths.supervisor_log}.",
            ) from fault
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise TransientError("The supervisor does not answer.", "Run `jarvis up`.") from error

    def _configuration(self) -> str:
        """Every program by name; what it runs is in its plan, so this file never changes."""
        python = shlex.quote(sys.executable).replace("%", "%%")
        sockets = str(self._paths.sockets).replace("%", "%%")
        limits = (
            f"stdout_logfile_maxbytes={self._config.log_max_bytes}\n"
            f"stdout_logfile_backups={self._config.log_backups}\n"
            f"stopwaitsecs={max(1, round(self._config.stop_timeout_s))}\n"
        )
        programs = "".join(
            f"\n[program:{name}]\n"
            f"command={python} -P -m jarvis_dagster.stack.launch {name}.json\n"
            "directory=%(here)s\n"
            f"stdout_logfile=%(here)s/../logs/{name}.log\n"
            f"startsecs={_STAYS_UP_S.get(name, 2)}\n"
            f"{limits}{_PROGRAM}"
            for name in PROGRAM_NAMES
        )
        socket = f"\n[unix_http_server]\nfile={sockets}/supervisor.sock\nchmod=0700\n"
        return _SUPERVISOR + socket + programs


def _state(info: dict[str, Any]) -> ProgramState:
    running = bool(info["pid"])
    return ProgramState(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"] or None,
        uptime_s=max(0.0, float(info["now"] - info["start"])) if running else None,
        reason=info["spawnerr"],
    )


_SUPERVISOR = """\
; Written by `jarvis up`. Changes are lost.
[supervisord]
identifier=jarvis
logfile=%(here)s/../logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s/../logs
umask=077
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = f"""\
autostart=false
autorestart=true
startretries={_STARTING_TRIES}
redirect_stderr=true
stopsignal=TERM
stopasgroup=true
killasgroup=true
"""
