"""A full disk fails a step once, with a remedy, whatever it looked like to the step."""

import errno
import os
import shutil

import dagster as dg
import pytest

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.errors import TransientError
from jarvis_dagster.resources.workspace import WorkspaceResource


def failed_step(error: Exception) -> tuple[str, int]:
    """What the failure says, and how often the step was tried."""
    tries = []

    @dg.asset
    def table(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> None:
        tries.append(workspace)
        with failures(context):
            raise error

    result = dg.materialize(
        [table], resources={"workspace": WorkspaceResource()}, raise_on_error=False
    )
    (event,) = [event for event in result.all_events if event.is_step_failure]
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    return str(failure.description), len(tries)


def test_a_write_that_finds_no_space() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "tracks.parquet")
    said, tries = failed_step(full)
    assert "No space is left on a disk" in said
    assert "tracks.parquet" in said
    assert "Free some space" in said
    assert tries == 1


def test_a_server_that_fails_because_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    said, tries = failed_step(TransientError("The object store is not ready.", "Try again."))
    assert "has too little room: 1 MB are free" in said
    assert tries == 1
