"""Worker processes of this machine, kept running by supervisord.

Belongs here: its programs, starting and stopping single workers. Does not belong here: how it is
asked (``jarvis_dagster/supervisord.py``), how many there should be (``scaling.py``).

supervisord outlives who scales: killed and started again, the scaler finds its workers at work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tenacity

from jarvis_dagster.errors import TransientError
from jarvis_dagster.supervisord import LONGEST_SOCKET, Supervisord, configuration, plain
from jarvis_dagster.workflows.busy import BUSY_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WorkerPool"]

_UP = ("STARTING", "RUNNING", "BACKOFF")
_LEAVING = ("STOPPING",)


class WorkerPool:
    """Up to ``most`` workers, each by its name.

    Args:
        folder: For configuration, logs and the files that tell how busy each is.
        most: Workers that there may be.
        command: What the worker of a number runs.
        stop_s: Seconds that a stopping worker may take.
    """

    def __init__(
        self, folder: Path, most: int, command: Callable[[int], Sequence[str]], stop_s: float
    ) -> None:
        self._folder = folder
        self.supervisord = Supervisord(
            "The supervisor of workers",
            _socket(folder),
            folder / "supervisord.log",
            "Start it with `jarvis worker --autoscale`.",
        )
        self._names = [f"worker-{number:02d}" for number in range(most)]
        self._command = command
        self._stop_s = stop_s
        self._order: list[str] = []

    def open(self) -> None:
        """Have the supervisor run; workers that run already go on.

        Raises:
            TransientError: it does not come up.
        """
        with contextlib.suppress(TransientError):
            known = self._states()
            if set(known) == set(self._names):
                return
            self.close()  # of another size
        self._folder.mkdir(parents=True, exist_ok=True)
        self.supervisord.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "supervisord.conf"
        path.write_text(self._configuration(), "utf-8")
        self.supervisord.launch(path, folder=self._folder)

    def busy(self) -> dict[str, int]:
        """Steps that each running worker is at, in the order of their starts."""
        up = [name for name, state in self._states().items() if state in _UP]
        self._order = [name for name in self._order if name in up]
        self._order += [name for name in up if name not in self._order]
        return {name: self._steps(name) for name in self._order}

    def start(self, count: int) -> list[str]:
        """Start so many more; their names."""
        if count < 1:
            return []
        states = self._states()
        free = [name for name in self._names if states[name] not in (*_UP, *_LEAVING)][:count]
        for name in free:
            (self._folder / f"{name}.busy").unlink(missing_ok=True)
            self.supervisord.call("startProcess", name, False)
            self._order.append(name)
        return free

    def stop(self, name: str) -> None:
        """Have one stopped, gently; does not wait."""
        self.supervisord.call("stopProcess", name, False)

    def close(self) -> None:
        """Stop all workers, gently, and the supervisor; waits for their end."""
        with contextlib.suppress(TransientError):
            self.supervisord.call("shutdown")
        patiently = tenacity.Retrying(
            stop=tenacity.stop_after_delay(self._stop_s + 10),
            wait=tenacity.wait_fixed(0.1),
            retry=tenacity.retry_if_result(lambda gone: not gone),
            retry_error_callback=lambda _: None,
        )
        patiently(self.supervisord.is_gone)

    def _steps(self, name: str) -> int:
        try:
            return int((self._folder / f"{name}.busy").read_text("utf-8") or 0)
        except (OSError, ValueError):
            return 0

    def _states(self) -> dict[str, str]:
        return {info["name"]: info["statename"] for info in self.supervisord.programs()}

    def _configuration(self) -> str:
        programs = "".join(
            f"\n[program:{name}]\n"
            f"command={plain(shlex.join(self._command(number)))}\n"
            f'environment={BUSY_FILE}="{plain(str(self._folder / f"{name}.busy"))}"\n'
            f"stdout_logfile=%(here)s/{name}.log\n"
            f"stopwaitsecs={max(1, round(self._stop_s))}\n{_PROGRAM}"
            for number, name in enumerate(self._names)
        )
        return configuration(
            identifier="jarvis-workers",
            written_by="jarvis worker --autoscale",
            logs="%(here)s",
            socket=self.supervisord.socket,
            programs=programs,
        )


def _socket(folder: Path) -> Path:
    """In the folder, or in a short one when that path is too long."""
    path = folder / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"jarvis-workers-{os.getuid()}-{name}" / "s.sock"


_PROGRAM = """\
autostart=false
autorestart=true
startsecs=5
startretries=5
redirect_stderr=true
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
stopsignal=TERM
killasgroup=true
"""
