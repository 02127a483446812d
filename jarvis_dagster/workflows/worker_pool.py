"""Worker processes of this machine, kept running by supervisord.

Belongs here: its configuration, starting and stopping single workers. Does not belong here: how
many there should be (``scaling.py``), the embedded stack (``jarvis_dagster/stack``).

supervisord outlives who scales: killed and started again, the scaler finds its workers at work.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import xmlrpc.client
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tenacity

from jarvis_dagster.errors import TransientError
from jarvis_dagster.workflows.busy import BUSY_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WorkerPool"]

_UP = ("STARTING", "RUNNING", "BACKOFF")
_LEAVING = ("STOPPING",)
_ALREADY = {60, 70}  # already started, not running
_LONGEST_SOCKET = 90


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
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "supervisord.conf"
        path.write_text(self._configuration(), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise TransientError(
                f"The supervisor of workers did not start: {said[-1] if said else 'no word'}.",
                f"See {self._folder / 'supervisord.log'}.",
            )
        self._patiently(20)(self._states)

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
            self._call("startProcess", name, False)
            self._order.append(name)
        return free

    def stop(self, name: str) -> None:
        """Have one stopped, gently; does not wait."""
        self._call("stopProcess", name, False)

    def close(self) -> None:
        """Stop all workers, gently, and the supervisor; waits for their end."""
        with contextlib.suppress(TransientError):
            self._call("shutdown")
        gone = tenacity.Retrying(
            stop=tenacity.stop_after_delay(self._stop_s + 10),
            wait=tenacity.wait_fixed(0.1),
            retry=tenacity.retry_if_result(bool),
            retry_error_callback=lambda _: None,
        )
        gone(self._answers)

    def _answers(self) -> bool:
        try:
            self._states()
        except TransientError:
            return False
        return True

    def _steps(self, name: str) -> int:
        try:
            return int((self._folder / f"{name}.busy").read_text("utf-8") or 0)
        except (OSError, ValueError):
            return 0

    def _states(self) -> dict[str, str]:
        return {info["name"]: info["statename"] for info in self._call("getAllProcessInfo")}

    @property
    def _socket(self) -> Path:
        path = self._folder / "supervisor.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET:
            return path
        import hashlib

        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"jarvis-workers-{os.getuid()}-{name}" / "s.sock"

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in _ALREADY:
                return None
            raise TransientError(
                f"The supervisor of workers refused {method}: {fault.faultString}."
            ) from fault
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise TransientError("The supervisor of workers does not answer.") from error

    @staticmethod
    def _patiently(seconds: float) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(seconds),
            wait=tenacity.wait_fixed(0.05),
            retry=tenacity.retry_if_exception_type(TransientError),
            reraise=True,
        )

    def _configuration(self) -> str:
        def plain(text: str) -> str:
            return text.replace("%", "%%")

        programs = "".join(
            f"\n[program:{name}]\n"
            f"command={plain(shlex.join(self._command(number)))}\n"
            f'environment={BUSY_FILE}="{plain(str(self._folder / f"{name}.busy"))}"\n'
            f"stdout_logfile=%(here)s/{name}.log\n"
            f"stopwaitsecs={max(1, round(self._stop_s))}\n{_PROGRAM}"
            for number, name in enumerate(self._names)
        )
        return (
            _SUPERVISOR
            + f"[unix_http_server]\nfile={plain(str(self._socket))}\nchmod=0700\n"
            + (programs)
        )


_SUPERVISOR = """\
; Written by `jarvis worker --autoscale`. Changes are lost.
[supervisord]
identifier=jarvis-workers
logfile=%(here)s/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s
umask=077
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

"""

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
