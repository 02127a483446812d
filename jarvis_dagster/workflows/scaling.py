"""How many workers there should be on this machine.

Belongs here: deciding, from what waits and who is idle, and the loop that does it. Does not
belong here: processes (``worker_pool.py``), other machines (``deploy/kubernetes``).
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from jarvis_dagster.workflows.worker_pool import WorkerPool

__all__ = ["Limits", "Look", "Scaler", "look_at", "scale"]

_LOG = logging.getLogger(__name__)
_EVERY_S = 5.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a scaler keeps to.

    Attributes:
        least: Workers that are always there.
        most: Workers that there are at most.
        slots: Steps that one worker runs at a time.
        late_s: A step that waits so long shows that there are too few.
        calm_s: So long nothing must have waited before one is stopped.
    """

    least: int
    most: int
    slots: int
    late_s: float = 2.0
    calm_s: float = 60.0


@dataclasses.dataclass(frozen=True)
class Look:
    """What is seen at one time.

    Attributes:
        waiting: Steps that no worker has taken.
        oldest_s: How long the first of them has waited.
        busy: Steps that each worker is at, by its name, in the order of their starts.
        room: Whether the machine has processors and memory to spare.
    """

    waiting: int
    oldest_s: float
    busy: Mapping[str, int]
    room: bool = True


class Scaler:
    """Decides; grows by what waits, shrinks one idle worker at a time after a calm."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calm_since: float | None = None

    def decide(self, look: Look, now_s: float) -> tuple[int, list[str]]:
        """How many workers to start, and which to stop.

        A worker that is at a step is never stopped: it would have to hand the step back.
        """
        limits, running = self._limits, len(look.busy)
        if look.waiting:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_s
        if running < limits.least:
            return limits.least - running, []
        if look.waiting and look.oldest_s >= limits.late_s and look.room:
            # No more than twice as many at once: the count is a little behind.
            more = min(math.ceil(look.waiting / limits.slots), max(running, 1))
            return max(0, min(more, limits.most - running)), []
        idle = [name for name, steps in look.busy.items() if steps == 0]
        calm_s = 0.0 if self._calm_since is None else now_s - self._calm_since
        if calm_s >= limits.calm_s and running > limits.least and idle:
            self._calm_since = now_s  # the next one after another calm
            return 0, [idle[-1]]
        return 0, []


def look_at(service: JarvisWorkflowService, pool: WorkerPool, kinds: Sequence[str]) -> Look:
    """What is seen now.

    Raises:
        TransientError: Temporal or the supervisor is away.
    """
    import psutil

    rows = [row for row in service.backlog() if row["kind"] in kinds and row["waiting"]]
    config = service.config
    return Look(
        sum(row["waiting"] for row in rows),
        max((row["oldest_s"] for row in rows), default=0.0),
        pool.busy(),
        psutil.cpu_percent() < 100 * config.cpu_target
        and psutil.virtual_memory().percent < 100 * config.memory_target,
    )


def scale(
    service: JarvisWorkflowService,
    pool: WorkerPool,
    limits: Limits,
    kinds: Sequence[str],
    stop: threading.Event,
    *,
    every_s: float = _EVERY_S,
    tell: Callable[[str], None] = _LOG.info,
) -> None:
    """Keep the number of workers right until ``stop`` is set."""
    scaler = Scaler(limits)
    while not stop.is_set():
        try:
            look = look_at(service, pool, kinds)
            more, fewer = scaler.decide(look, time.monotonic())
            for name in pool.start(more):
                tell(f"{name} starts: {look.waiting} steps wait.")
            for name in fewer:
                pool.stop(name)
                tell(f"{name} stops: nothing waits.")
        except TransientError as error:
            _LOG.warning("%s", error)
        stop.wait(every_s)
