"""A process is a program once it is that program, not while its start is prepared."""

from __future__ import annotations

import os
import subprocess
import sys

from jarvis_dagster.stack.processes import MARKER_PROGRAM, is_started


def test_only_the_program_itself_is_started() -> None:
    code = "import sys; print('runs', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, MARKER_PROGRAM: "mlflow"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"runs\n"  # its environment is there by now
        assert is_started(process.pid, "mlflow")
        assert not is_started(process.pid, "temporal")
        process.communicate()
    assert not is_started(process.pid, "mlflow")
    assert not is_started(os.getpid(), "mlflow")
    assert not is_started(None, "mlflow")
