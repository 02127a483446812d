"""What is asked of the platform while `soak.py` kills it: the load, and what became of it.

Belongs here: a client that stores files, counts, logs experiments and starts workflows without a
break, and remembers what it was told is done. Does not belong here: faults and videos (`soak.py`).

A call that fails is let go, as a person would: what counts is that whatever returned is there at
the end, once, and that every failure has said what happened in Jarvis' own words.
"""

from __future__ import annotations

import collections
import hashlib
import re
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Load", "metric"]

_COUNTER = "soak_calls_total"
_EXPERIMENT = "soak"
_ENDED = ("completed", "failed", "cancelled", "terminated", "timed_out", "not_found")


class Load:
    """A client in a thread of its own, until it is closed.

    Attributes:
        files: SHA-256 of what was stored, by the artifact's id.
        counted: Calls of the counter that returned.
        runs: Value that was logged, by the MLflow run that was ended.
        workflows: Ids of the workflows that were started.
        refused: How often a call failed with which words.
        unclear: Errors that are not Jarvis' own.
    """

    def __init__(self, core: JarvisCoreServices, folder: Path, pause_s: float = 1.0) -> None:
        self._core, self._folder, self._pause_s = core, folder, pause_s
        self.files: dict[str, str] = {}
        self.counted = self.tried = 0
        self.runs: dict[str, float] = {}
        self.workflows: list[str] = []
        self.refused: collections.Counter[str] = collections.Counter()
        self.unclear: collections.Counter[str] = collections.Counter()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="load")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the calls; the last one is waited for."""
        self._end.set()
        self._thread.join()

    def start_workflow(self, video_key: str) -> None:
        """Have a video looked at by the worker."""
        number = len(self.workflows) + 1
        given = {"video_key": video_key, "stride": 2, "revision": str(number)}

        def start() -> None:
            service = self._core.workflow_service
            self.workflows.append(service.start_workflow("computer-vision", given))

        self._try("start_workflow", start)

    def _work(self) -> None:
        number = 0
        while not self._end.wait(self._pause_s):
            number += 1
            self._try("store_artifact", lambda n=number: self._store(n))  # type: ignore[misc]
            self._try("log_counter", self._count)
            if number % 3 == 0:
                self._try("experiment", lambda n=number: self._log(n))  # type: ignore[misc]

    def _store(self, number: int) -> None:
        content = hashlib.shake_256(str(number).encode()).digest(200_000)
        path = self._folder / "load.bin"
        path.write_bytes(content)
        made = self._core.storage_service.store_artifact(path, {"number": number})
        self.files[made] = hashlib.sha256(content).hexdigest()

    def _count(self) -> None:
        self.tried += 1
        self._core.analytics_service.log_counter(_COUNTER)
        self.counted += 1

    def _log(self, number: int) -> None:
        service = self._core.experiment_service
        run = service.start_experiment(_EXPERIMENT, {"number": number})
        service.log_metrics({"value": float(number)}, run_id=run)
        service.end_experiment(run, "FINISHED")
        self.runs[run] = float(number)

    def _try(self, what: str, call: Callable[[], None]) -> None:
        try:
            call()
        except JarvisError as error:
            self.refused[f"{what}: {_without_numbers(error.what)} {error.remedy}"] += 1
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            words = _without_numbers(str(error))[:200]
            self.unclear[f"{what}: {type(error).__name__}: {words}"] += 1

    def judged(self, metrics_url: str, limit_s: float) -> dict[str, list[str]]:
        """What of the acknowledged is not there, or is there too often."""
        delivered = metric(metrics_url, _COUNTER)
        # A call that failed may have been counted, and never twice.
        counted = self.counted <= delivered <= self.tried
        return {
            "stored files lost": [made for made in self.files if not self._is_there(made)],
            "calls counted wrongly": []
            if counted
            else [f"{delivered:.0f} for {self.counted} of {self.tried} that returned"],
            "runs of MLflow lost": [run for run in self.runs if not self._is_logged(run)],
            "workflows that did not complete": self._not_completed(limit_s),
            "errors without Jarvis' words": [f"{n} times {one}" for one, n in self.unclear.items()],
        }

    def _is_there(self, made: str) -> bool:
        path = self._folder / "back.bin"
        return (
            self._core.storage_service.retrieve_artifact(made, path)
            and hashlib.sha256(path.read_bytes()).hexdigest() == self.files[made]
        )

    def _is_logged(self, run: str) -> bool:
        known = self._core.experiment_service.run_facts(run)
        return known.status == "FINISHED" and known.metrics.get("value") == self.runs[run]

    def _not_completed(self, limit_s: float) -> list[str]:
        until = time.monotonic() + limit_s
        states: dict[str, Any] = {}
        while True:
            for one in self.workflows:
                if states.get(one) not in _ENDED:
                    status = self._core.workflow_service.get_workflow_status(one)
                    states[one] = status["status"]
            if all(state in _ENDED for state in states.values()) or time.monotonic() > until:
                return [f"{one}: {s}" for one, s in states.items() if s != "completed"]
            time.sleep(2)


def metric(url: str, name: str) -> float:
    """The sum of a metric's values on a page of metrics."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as reply:
        page = reply.read().decode()
    lines = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)", page, re.MULTILINE)
    return sum(map(float, lines))


def _without_numbers(text: str) -> str:
    """The words, so that the same of another file or port is the same."""
    return re.sub(r"[0-9a-f]{16,}|\d+", "#", text)
