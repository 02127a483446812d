"""As many workers as what waits needs; one that works is never stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.workflows.scaling import Limits, Look, Scaler, scale
from jarvis_dagster.workflows.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.workflow import JarvisWorkflowService

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")
LIMITS = Limits(least=1, most=4, slots=2, late_s=2, calm_s=60)
SLEEPER = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"


def look(waiting: int, oldest_s: float = 10, room: bool = True, **busy: int) -> Look:
    return Look(waiting, oldest_s, busy, room)


def test_it_grows_with_what_waits() -> None:
    scaler = Scaler(LIMITS)
    assert scaler.decide(look(0), 0) == (1, [])  # the least
    assert scaler.decide(look(2, a=2), 1) == (1, [])
    assert scaler.decide(look(100, a=2), 2) == (1, [])  # no more than twice as many
    assert scaler.decide(look(100, a=2, b=2), 3) == (2, [])
    assert scaler.decide(look(100, a=2, b=2, c=2, d=2), 4) == (0, [])  # the most
    assert scaler.decide(look(9, oldest_s=0.5, a=2), 5) == (0, [])  # it is only just there
    assert scaler.decide(look(9, room=False, a=2), 6) == (0, [])  # more would be no quicker


def test_it_shrinks_after_a_calm_and_only_by_who_is_idle() -> None:
    scaler = Scaler(LIMITS)
    assert scaler.decide(look(0, a=0, b=1, c=0), 0) == (0, [])
    assert scaler.decide(look(0, a=0, b=1, c=0), 59) == (0, [])
    assert scaler.decide(look(0, a=0, b=1, c=0), 60) == (0, ["c"])  # the newest
    assert scaler.decide(look(0, a=0, b=1), 61) == (0, [])  # and again after a calm
    assert scaler.decide(look(1, oldest_s=0, a=0, b=1), 90) == (0, [])  # the calm is over
    assert scaler.decide(look(0, a=1, b=1), 100) == (0, [])
    assert scaler.decide(look(0, a=1, b=1), 200) == (0, [])  # nobody is idle
    assert scaler.decide(look(0, a=0, b=1), 201) == (0, ["a"])
    assert scaler.decide(look(0, b=0), 500) == (0, [])  # the least


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    made = WorkerPool(tmp_path / "w", 2, lambda _: [sys.executable, "-c", SLEEPER], 10)
    made.open()
    yield made
    made.close()


def until(what: Callable[[], object]) -> object:
    deadline = time.monotonic() + 240
    while not (seen := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return seen


def test_workers_are_kept_running(pool: WorkerPool, tmp_path: Path) -> None:
    assert pool.busy() == {}
    assert pool.start(1) == ["worker-00"]
    (tmp_path / "w" / "worker-00.busy").write_text("2")
    assert pool.busy() == {"worker-00": 2}
    first = until(lambda: pids(pool)["worker-00"])
    os.kill(int(str(first)), signal.SIGKILL)
    until(lambda: pids(pool)["worker-00"] not in (0, first))  # it is replaced
    # who scales is killed, and comes again: the worker is still there
    again = WorkerPool(tmp_path / "w", 2, lambda _: ["never-run"], 10)
    again.open()
    assert list(again.busy()) == ["worker-00"]
    assert again.start(5) == ["worker-01"]
    again.stop("worker-00")
    until(lambda: list(again.busy()) == ["worker-01"])


def pids(pool: WorkerPool) -> dict[str, int]:
    return {info["name"]: info["pid"] for info in pool.supervisord.programs()}


def test_what_waits_in_temporal_starts_workers(
    service: JarvisWorkflowService, pool: WorkerPool, queue: str
) -> None:
    started = [service.start_workflow("computer-vision", {"n": n, "q": queue}) for n in range(4)]
    stop, told = threading.Event(), []
    eager = Limits(least=1, most=2, slots=1, late_s=0)

    def tell(line: str) -> None:
        told.append(line)
        if len(told) == 2:
            stop.set()

    config = service.config.model_copy(update={"cpu_target": 1.01, "memory_target": 1.01})
    service.config = config
    watchdog = threading.Timer(60, stop.set)
    watchdog.start()
    scale(service, pool, eager, ("workflows",), stop, every_s=0.2, tell=tell)
    watchdog.cancel()
    assert list(pool.busy()) == ["worker-00", "worker-01"]
    assert "steps wait" in told[1]
    for one in started:
        service.terminate_workflow(one)


def test_the_command_refuses_what_makes_no_sense() -> None:
    for words, named in (
        (["--kind", "magic"], "no kind of work 'magic'"),
        (["--autoscale", "--min", "3", "--max", "2"], "fewer than 3"),
    ):
        with pytest.raises(BadInputError, match=named):
            CliRunner().invoke(app, ["worker", *words], catch_exceptions=False)
