"""The supervisor that keeps the stack's programs running: supervisord, over its Unix socket.

Belongs here: its programs, starting and ending it, and asking it for things.
Does not belong here: how it is asked (`jarvis_dagster.supervisord`), which programs are started
when (`lifecycle`).

supervisord and not circus: it needs nothing but the standard library, answers over a plain Unix
socket that only this user can open, and rotates logs itself; circus brings ZeroMQ, tornado and
TCP endpoints without a login.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from dataclasses import dataclass
from typing import Any

import tenacity

from jarvis_dagster.errors import TransientError
from jarvis_dagster.stack.config import PROGRAM_NAMES, StackConfig
from jarvis_dagster.stack.layout import StackPaths, write_private
from jarvis_dagster.stack.processes import MARKER, MARKER_PROGRAM
from jarvis_dagster.supervisord import Supervisord, configuration, plain

__all__ = ["SUPERVISOR", "ProgramState", "Supervisor"]

SUPERVISOR = "supervisor"
"""The supervisor's own name among the stack's programs."""

_STARTING_TRIES = 1_000_000
"""For ever: what stopped a program, such as a full disk, may pass. The pause between two starts
grows by a second each time."""
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
    ended_at: float = 0.0
    """When it last ended, in seconds since 1970; 0 when it never did."""

    @property
    def is_up(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


class Supervisor:
    """One data directory's supervisord."""

    def __init__(self, config: StackConfig) -> None:
        self._config = config
        self._paths = StackPaths(config.data_dir)
        self._supervisord = Supervisord(
            "The supervisor",
            self._paths.supervisor_socket,
            self._paths.supervisor_log,
            "Run `jarvis up`.",
        )

    def is_alive(self) -> bool:
        """Tell whether it answers."""
        return self._supervisord.answers()

    def ensure(self) -> None:
        """Start it unless it answers.

        Raises:
            TransientError: it does not come up; the message holds the reason.
        """
        if self.is_alive():
            return
        write_private(self._paths.supervisor_config, self._configuration())
        marker = {MARKER: str(self._config.data_dir), MARKER_PROGRAM: SUPERVISOR}
        self._supervisord.launch(
            self._paths.supervisor_config,
            folder=self._paths.run,
            environment={**os.environ, **marker},
        )

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program; empty if the supervisor does not run."""
        try:
            infos = self._supervisord.programs()
        except TransientError:
            return {}
        return {info["name"]: _state(info) for info in infos}

    def start(self, name: str) -> None:
        """Have `name` started; does not wait."""
        self._supervisord.call("startProcess", name, False)

    def stop(self, names: list[str]) -> None:
        """Have `names` stopped, all at once, and wait until they are."""
        for name in names:
            self._supervisord.call("stopProcess", name, False)
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
            self._supervisord.call("shutdown")

    def _running(self, names: list[str]) -> list[str]:
        states = self.states()
        over = ("STOPPED", "EXITED", "FATAL")
        return [name for name in names if name in states and states[name].state not in over]

    def _configuration(self) -> str:
        """Every program by name; what it runs is in its plan, so this file never changes."""
        python = plain(shlex.quote(sys.executable))
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
        return configuration(
            identifier="jarvis",
            written_by="jarvis up",
            logs="%(here)s/../logs",
            socket=self._paths.supervisor_socket,
            programs=programs,
        )


def _state(info: dict[str, Any]) -> ProgramState:
    running = bool(info["pid"])
    return ProgramState(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"] or None,
        uptime_s=max(0.0, float(info["now"] - info["start"])) if running else None,
        reason=info["spawnerr"],
        ended_at=float(info["stop"]),
    )


_PROGRAM = f"""\
autostart=false
autorestart=true
startretries={_STARTING_TRIES}
redirect_stderr=true
stopsignal=TERM
stopasgroup=true
killasgroup=true
"""
