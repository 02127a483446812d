"""What a metric costs, what a scrape costs, and that nothing is lost under ``kill -9``.

``python -m benchmarks.monitoring``. Peers, in the same run: prometheus-client in memory (which
loses everything with its process) and in its multi-process mode (memory-mapped files, which keep
what was logged). Processor seconds are compared, not wall seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.analytics import AnalyticsConfig, JarvisAnalyticsService

if TYPE_CHECKING:
    from collections.abc import Callable

_PEER = """
import sys, time
from prometheus_client import CollectorRegistry, Counter
counter = Counter("work", "Work.", ["kind"], registry=CollectorRegistry())
counter.labels("a").inc()
start = time.process_time()
for _ in range(int(sys.argv[1])):
    counter.labels("a").inc()
print((time.process_time() - start) / int(sys.argv[1]) * 1e6)
"""


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure metrics.")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            **_calls(Path(folder), arguments.calls),
            **_scrape(Path(folder)),
            **_kills(Path(folder), arguments.kills),
        }
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        for name, value in figures.items():
            print(f"{name:<44} {value}")
    lost = figures["counted_after_kills"] != figures["events_told_as_logged"]
    return int(lost or figures["counted_twice"] != 0)


def _calls(folder: Path, calls: int) -> dict[str, Any]:
    """Microseconds of processor a call."""
    service = JarvisAnalyticsService(AnalyticsConfig(directory=folder / "calls"))
    ours = {
        "counter": lambda _: service.log_counter("work", labels={"kind": "a"}),
        "counter, once an event": lambda n: service.log_counter("done", event_id=f"run {n}"),
        "gauge": lambda n: service.log_metric("depth", n, {"queue": "a"}),
        "histogram": lambda n: service.log_histogram("took", n % 7, {"job": "a"}),
    }
    figures: dict[str, Any] = {
        f"us of processor, {name}": round(_each(call, calls), 1) for name, call in ours.items()
    }
    service.close()
    memory = _peer(calls * 10, {})
    mapped = _peer(calls * 10, {"PROMETHEUS_MULTIPROC_DIR": str(folder)})
    figures |= {
        "us of processor, prometheus-client": round(memory, 2),
        "us of processor, prometheus-client's files": round(mapped, 2),
        "ratio to prometheus-client's files": round(
            figures["us of processor, counter"] / mapped, 1
        ),
        "of a frame's time at 25 frames/s": f"{figures['us of processor, counter'] / 4e4:.3%}",
    }
    return figures


def _each(call: Callable[[int], None], calls: int) -> float:
    call(0)
    start = time.process_time()
    for number in range(calls):
        call(number)
    return (time.process_time() - start) / calls * 1e6


def _peer(calls: int, environment: dict[str, str]) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _PEER, str(calls)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _scrape(folder: Path) -> dict[str, Any]:
    """A page of 2,000 series."""
    from prometheus_client import generate_latest

    from jarvis_dagster.services.analytics.endpoint import metrics_registry

    config = AnalyticsConfig(directory=folder / "scrape")
    service = JarvisAnalyticsService(config)
    for number in range(1000):
        service.log_metric(f"gauge_{number % 20}", number, {"of": str(number // 20)})
        service.log_counter(f"counter_{number % 20}", 1, {"of": str(number // 20)})
    registry = metrics_registry(config)
    start = time.process_time()
    pages = [len(generate_latest(registry)) for _ in range(5)]
    took = (time.process_time() - start) / 5
    service.close()
    return {
        "ms of processor, a page of 2,000 series": round(took * 1e3, 1),
        "kilobytes": round(pages[0] / 1e3),
    }


def _work(folder: Path, events: range, told: Any) -> None:
    service = JarvisAnalyticsService(AnalyticsConfig(directory=folder))
    for event in events:
        service.log_counter("work", event_id=str(event))
        told[event] = 1  # shared memory: it outlives the process


def _kills(folder: Path, kills: int) -> dict[str, Any]:
    """Two processes log the same 4,000 events; one of them is killed again and again."""
    context = multiprocessing.get_context("fork")
    events, place = range(4000), folder / "kills"
    told = context.Array("b", len(events), lock=False)
    killed = 0
    steady = context.Process(target=_work, args=(place, events[::-1], told))
    steady.start()
    chance = random.Random(1)  # noqa: S311
    while killed < kills:
        worker = context.Process(target=_work, args=(place, events, told))
        worker.start()
        worker.join(chance.uniform(0.01, 0.25))
        if worker.is_alive() and worker.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        killed += 1
    steady.join()
    last = context.Process(target=_work, args=(place, events, told))
    last.start()
    last.join()
    service = JarvisAnalyticsService(AnalyticsConfig(directory=place))
    counted = int(
        next(
            sample.value
            for family in service._store.collect()
            for sample in family.samples
            if sample.name == "work_total"
        )
    )
    service.close()
    return {
        "processes killed": killed,
        "events_told_as_logged": sum(told),
        "counted_after_kills": counted,
        "counted_twice": max(0, counted - len(events)),
    }


if __name__ == "__main__":
    sys.exit(main())
