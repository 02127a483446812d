"""Text of a file, read by a process that may fail.

Belongs here: starting, asking, killing and replacing that process. Does not
belong here: what it does (``worker.py``), drives, the index.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from types import TracebackType

    from jarvis_dagster.services.client_storage.search.config import SearchConfig


__all__ = ["READER_VERSION", "Extraction", "Extractor"]

READER_VERSION = 1
"""Raised when readers find more than before: what they could not read is tried again."""

_MODULE = "jarvis_dagster.services.client_storage.search.worker"
_ROOT = Path(__file__).parents[4]
_FILES_A_WORKER = 5000
_START_S = 120.0
_BYTES_A_CHARACTER = 8  # in JSON, at worst, as text that was cleaned of control characters
_ENVELOPE_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class Extraction:
    """What was read out of a file.

    Attributes:
        text: Empty where ``reason`` says why.
        about: Title, author and the like, one a line.
        format: What the file turned out to be; empty where that is not known.
        truncated: Whether the file says more than was kept.
        reason: Continues "The file ..."; empty where it was read.
    """

    text: str = ""
    about: str = ""
    format: str = ""
    truncated: bool = False
    reason: str = ""


class _WorkerError(Exception):
    """The process ended, or had to be ended; ``crashed`` if by no limit of time."""

    def __init__(self, reason: str, *, crashed: bool) -> None:
        super().__init__(reason)
        self.crashed = crashed


class Extractor:
    """Reads files in one limited process, replaced when it fails; a context manager.

    Args:
        scratch: A folder that the process may use; it is its home and working folder.
    """

    def __init__(self, config: SearchConfig, scratch: Path) -> None:
        self._config = config
        self._scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0

    def __enter__(self) -> Extractor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def extract(self, path: Path, promised: str) -> Extraction:
        """The text of a file, or the reason why there is none; never an exception of a parser.

        A crash is a file's own fault only if a fresh process crashes too; a PDF
        then has a last try with another library.

        Args:
            promised: The format that its name promises (``formats.may_hold_text``).

        Raises:
            PermanentError: the process does not start.
        """
        reason = ""
        for careful in (False, True) if self._process is None else (False, False, True):
            try:
                found = self._ask(path, promised, careful=careful)
            except _WorkerError as error:
                self.close()
                reason = reason or str(error)
                if not error.crashed:
                    break
            else:
                failed_again = careful and found.reason
                return dataclasses.replace(found, reason=reason) if failed_again else found
        return Extraction(reason=reason)

    def close(self) -> None:
        """End the process and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _ask(self, path: Path, promised: str, *, careful: bool) -> Extraction:
        if self._served >= _FILES_A_WORKER:
            self.close()
        process = self._process or self._start()
        request = {
            "path": str(path.absolute()),
            "format": promised,
            "chars": self._config.max_text_chars,
            "cpu_s": self._config.cpu_s,
            "wall_s": self._config.wall_s,
            "careful": careful,
        }
        self._served += 1
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise self._end_of(process) from None
        answer = self._receive(process, self._config.wall_s)
        if answer.pop("memory", False):
            raise _WorkerError(str(answer["reason"]), crashed=True)
        return Extraction(**answer)

    def _start(self) -> subprocess.Popen[bytes]:
        # Nothing of this process' environment: it may hold secrets.
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "LANG": "C.UTF-8",
            # The same libraries, wherever they are; not the folder a person is in.
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(os.path.isabs, sys.path)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "2",
            **dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"), "1"),
        }
        limits = json.dumps({"memory_mb": self._config.memory_mb})
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", _MODULE, limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._scratch,
            env=environment,
            start_new_session=True,
        )
        self._served = 0
        try:  # its start is not the file's time, and its failure not the file's fault
            self._receive(process, _START_S)
        except _WorkerError as error:
            self.close()
            raise PermanentError(
                "The process that reads files does not start.",
                "Check that Jarvis is installed whole, and raise memory_mb.",
            ) from error
        return process

    def _receive(self, process: subprocess.Popen[bytes], within_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        length = int.from_bytes(self._read(process, 8, deadline), "big")
        if length > _BYTES_A_CHARACTER * self._config.max_text_chars + _ENVELOPE_BYTES:
            raise _WorkerError("makes its reader answer without end", crashed=True)
        answer: dict[str, Any] = json.loads(self._read(process, length, deadline))
        return answer

    def _read(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise _WorkerError(
                    f"takes longer than {self._config.wall_s:g} s to read", crashed=False
                )
            chunk = os.read(descriptor, min(size - len(data), 1 << 20))
            if not chunk:
                raise self._end_of(process)
            data += chunk
        return bytes(data)

    def _end_of(self, process: subprocess.Popen[bytes]) -> _WorkerError:
        """Why the process ended by itself."""
        try:
            code = process.wait(5)
        except subprocess.TimeoutExpired:
            return _WorkerError("makes its reader hang", crashed=True)
        if -code == signal.SIGXCPU:
            limit = f"{self._config.cpu_s:g} s of processor time"
            return _WorkerError(f"takes more than {limit} to read", crashed=False)
        if -code == signal.SIGALRM:
            limit = f"{self._config.wall_s:g} s"
            return _WorkerError(f"takes longer than {limit} to read", crashed=False)
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _WorkerError(
            f"crashes its reader ({name}), or needs more memory than it may have "
            f"({self._config.memory_mb} MB)",
            crashed=True,
        )
