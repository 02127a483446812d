"""Asking services whether they work, again and again.

Belongs here: looks, their limits, and what follows from several in a row. Does not belong here:
what a service does to answer (its ``check``), telling anybody.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.health.reach import stands_still

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.services.health.config import HealthConfig

__all__ = ["Change", "Health", "HealthMonitor"]


@dataclasses.dataclass(frozen=True)
class Health:
    """What is known of one service.

    Attributes:
        healthy: False once it failed as often in a row as the settings say.
        failures: Failed looks in a row.
        seconds: How long the last look took.
        since: When ``healthy`` became what it is, in seconds since 1970.
        error: Why the last look failed; empty when it did not. ``remedy``: what to do.
    """

    service: str
    healthy: bool
    failures: int
    seconds: float
    since: float
    error: str = ""
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class Change:
    """A service went down or came back; ``stands_still`` says what of Jarvis waits for it."""

    health: Health
    stands_still: tuple[str, ...]


class HealthMonitor:
    """Looks at services; each ``probe`` returns when its service works, and raises when not.

    A probe that hangs costs a thread and never the monitor: it counts as failed, and is not asked
    again until it comes back.
    """

    def __init__(
        self,
        probes: Mapping[str, Callable[[], None]],
        config: HealthConfig,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._probes = dict(probes)
        self._config = config
        self._clock = clock
        self._known: dict[str, Health] = {}
        self._hanging: dict[str, threading.Thread] = {}
        self._worked: set[str] = set()
        self._lock = threading.Lock()
        self.looked_at = 0.0
        """When the last look ended, in seconds since 1970."""

    def look(self) -> list[Change]:
        """Ask all services at once; returns which went down or came back."""
        with self._lock:
            # Libraries are imported by the first look, and threads that import the same ones at
            # once may see halves of them: one after the other, then.
            rounds = [list(self._probes)] if self.looked_at else [[name] for name in self._probes]
            answers = [answer for names in rounds for answer in self._answers(names)]
            changes = [self._judged(*answer) for answer in answers]
            self.looked_at = self._clock()
            return [change for change in changes if change is not None]

    def status(self) -> list[Health]:
        """What is known of each service, in the order of the probes."""
        return [self._known[name] for name in self._probes if name in self._known]

    def is_live(self) -> bool:
        """Whether the looks go on."""
        most = 3 * (self._config.interval_s + self._config.timeout_s)
        return self._clock() - self.looked_at < most

    def is_ready(self) -> bool:
        """Whether every service was seen to work and none is down."""
        return self._worked == set(self._probes) and all(one.healthy for one in self.status())

    def _answers(self, names: list[str]) -> list[tuple[str, float, JarvisError | None]]:
        """Of each service: how long it took, and the error."""
        told: queue.SimpleQueue[tuple[str, float, JarvisError | None]] = queue.SimpleQueue()
        began = time.monotonic()
        waiting = set()
        answers: list[tuple[str, float, JarvisError | None]] = []
        for name in names:
            probe = self._probes[name]
            stuck = self._hanging.get(name)
            if stuck is not None and stuck.is_alive():
                answers.append((name, self._config.timeout_s, self._late()))
                continue
            thread = threading.Thread(
                target=_ask, args=(name, probe, told), name=f"health-{name}", daemon=True
            )
            self._hanging[name] = thread
            thread.start()
            waiting.add(name)
        while waiting:
            left = self._config.timeout_s - (time.monotonic() - began)
            try:
                answer = told.get(timeout=max(left, 0.001))
            except queue.Empty:
                break
            waiting.discard(answer[0])
            answers.append(answer)
        answers += [(name, self._config.timeout_s, self._late()) for name in sorted(waiting)]
        return answers

    def _late(self) -> JarvisError:
        return JarvisError(
            f"No answer within {self._config.timeout_s:g} s.", "See `jarvis status`, or try again."
        )

    def _judged(self, name: str, seconds: float, error: JarvisError | None) -> Change | None:
        before, now = self._known.get(name), self._clock()
        if error is None:
            self._worked.add(name)
        failures = 0 if error is None else (before.failures if before else 0) + 1
        was = before.healthy if before else True
        healthy = failures == 0 or (was and failures < self._config.tries)
        changed = before is None or healthy != was
        after = Health(
            service=name,
            healthy=healthy,
            failures=failures,
            seconds=round(seconds, 3),
            since=now if changed or before is None else before.since,
            error="" if error is None else error.what,
            remedy="" if error is None else error.remedy,
        )
        self._known[name] = after
        if healthy == was:
            return None
        return Change(after, tuple(stands_still([name])))


def _ask(
    name: str,
    probe: Callable[[], None],
    told: queue.SimpleQueue[tuple[str, float, JarvisError | None]],
) -> None:
    began, error = time.monotonic(), None
    try:
        probe()
    except JarvisError as raised:
        error = raised
    except Exception as raised:  # noqa: BLE001 - whatever it is, the service does not work
        error = JarvisError(f"{type(raised).__name__}: {raised}", "See the log of that service.")
    told.put((name, time.monotonic() - began, error))
