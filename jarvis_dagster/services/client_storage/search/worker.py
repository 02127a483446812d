"""The process that reads files: limited, without a network, replaced when it fails.

Belongs here: its limits, and the loop that answers requests. Does not belong
here: what a file says (``reading``), when to give up on it (``extraction.py``).

Requests come on standard input, one JSON document a line; answers go to standard
output, eight bytes of length and a JSON document each; an empty one says that it
is ready. It ends with its input.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import IO, Any

from jarvis_dagster.services.client_storage.search.reading import UnreadableError, read

__all__ = ["main"]

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # of unshare(2)
_WRITTEN_BYTES = 64 << 20
_GRACE_S = 5


def main() -> None:
    """Answer requests until there are none."""
    limits = json.loads(sys.argv[1])
    answers = _private_output()
    _limit(limits["memory_mb"])
    _leave_network()
    _send(answers, {})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _start_clock(request["cpu_s"], request["wall_s"])
        answer = _answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, answer)
        if answer.get("memory"):
            return  # what is left of the memory is no fair chance for the next file


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request["path"])
    try:
        reading = read(path, request["format"], request["chars"], careful=request["careful"])
    except UnreadableError as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": "needs more memory than its reader may have", "memory": True}
    except RecursionError:
        return {"reason": "is nested too deeply"}
    except Exception as error:  # noqa: BLE001 - whatever a parser raises is this file's reason
        return {"reason": f"cannot be read ({type(error).__name__}: {str(error)[:200]})"}
    return {
        "format": reading.format,
        "text": reading.text,
        "about": reading.about,
        "truncated": reading.truncated,
    }


def _send(answers: IO[bytes], answer: dict[str, Any]) -> None:
    payload = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    answers.write(len(payload).to_bytes(8, "big") + payload)
    answers.flush()


def _private_output() -> IO[bytes]:
    """Standard output for answers alone: what a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _limit(memory_mb: int) -> None:
    memory = memory_mb << 20
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, _WRITTEN_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        # Some systems do not know a limit, or have a lower one already.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def _leave_network() -> None:
    """Where Linux allows it, an own network that is connected to nothing."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        if unshare(_NEW_NET) != 0:
            unshare(_NEW_USER | _NEW_NET)


def _start_clock(cpu_s: float, wall_s: float) -> None:
    """Let the system end this process when the file takes too long, whatever it is in."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
    signal.setitimer(signal.ITIMER_REAL, wall_s + _GRACE_S)


if __name__ == "__main__":
    main()
