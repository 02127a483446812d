"""A long step writes its progress into the log of its run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.resources.log_progress import LogProgress

if TYPE_CHECKING:
    import pytest


def test_a_line_every_few_seconds_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]

    @dg.asset
    def long(progress: LogProgress) -> None:
        with monkeypatch.context() as clock:
            clock.setattr(time, "monotonic", lambda: now[0])
            for done in range(0, 101, 5):
                progress.update("watch", done, 100)
                now[0] += 2.5

    with caplog.at_level("INFO"):
        assert dg.materialize([long], resources={"progress": LogProgress(every_s=10)}).success
    lines = [r.getMessage().partition("watch: ")[2] for r in caplog.records if "watch" in r.msg]
    assert [line.partition(" ")[0] for line in lines] == ["20", "40", "60", "80", "100"]
    assert lines[0] == "20 of 100 (20%), 2.0 a second"
