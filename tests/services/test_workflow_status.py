"""Progress and status, as pure functions."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.workflow.loop import LoopThread
from jarvis_dagster.services.workflow.status import Facts, progress, status_of, weights

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
STEPS = [
    {"name": "a", "state": "finished", "seconds": 1.0, "frames": 10},
    {"name": "b", "state": "running"},
    {"name": "c", "state": "waiting"},
]


def test_progress_is_weighted_by_past_durations() -> None:
    past = [
        [
            {"name": "a", "seconds": 10.0},
            {"name": "b", "seconds": 80.0},
            {"name": "c", "seconds": s},
        ]
        for s in (9.0, 10.0, 500.0)
    ]
    known = weights(STEPS, past)
    assert known == {"a": 10.0, "b": 80.0, "c": 10.0}
    assert progress(STEPS, known, 0.5) == pytest.approx(0.5)
    assert progress(STEPS, known, 7.0) == pytest.approx(0.9)


def test_progress_without_a_past_counts_steps() -> None:
    assert weights(STEPS, []) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert weights(STEPS, [[{"name": "a", "seconds": 5}]]) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert progress(STEPS, weights(STEPS, []), 0.0) == pytest.approx(1 / 3)
    assert progress([], {}, 0.0) == 0.0


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("RUNNING", "running"),
        ("CONTINUED_AS_NEW", "running"),
        ("COMPLETED", "completed"),
        ("FAILED", "failed"),
        ("CANCELED", "cancelled"),
        ("TERMINATED", "terminated"),
        ("TIMED_OUT", "timed_out"),
    ],
)
def test_names_of_status(state: str, status: str) -> None:
    facts = Facts("id", state, NOW, NOW + datetime.timedelta(seconds=90), STEPS)
    got = status_of(facts)
    assert got["status"] == status
    assert got["execution_time"] == 90.0
    assert got["progress"] == (1.0 if status == "completed" else pytest.approx(1 / 3))
    assert got["performance"] == {"step_seconds": {"a": 1.0}, "frames_per_second": 10.0}


def test_the_loop_thread_starts_again_and_gives_up_in_time() -> None:
    import asyncio

    async def answer() -> int:
        return 42

    loop = LoopThread()
    assert loop.run(answer(), 10) == 42
    loop.close()
    loop.close()
    assert loop.run(answer(), 10) == 42
    with pytest.raises(TransientError, match="within"):
        loop.run(asyncio.sleep(60), 0.05)
    loop.close()


def test_a_process_that_forgets_to_close_exits_cleanly() -> None:
    code = (
        "from jarvis_dagster.services.workflow.loop import LoopThread\n"
        "import asyncio\n"
        "loop = LoopThread()\n"
        "loop.run(asyncio.sleep(0), 10)\n"
        "try:\n    loop.run(asyncio.sleep(60), 0.01)\nexcept Exception: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
