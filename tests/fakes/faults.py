"""Faults that a local server is told to have.

Belongs here: which of the next requests fail, and how. Does not belong here:
any provider's protocol; a server asks ``Faults.next`` at each request and does
what the fault says in its provider's own words.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import Literal

__all__ = ["Fault", "Faults"]

Kind = Literal["status", "drop", "truncate", "corrupt", "expire", "partial", "stall"]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One way to fail.

    Attributes:
        kind: ``status`` answers ``status`` with ``reason``; ``drop`` closes the
            connection before the request is carried out, or after it with
            ``done``; ``truncate`` sends half of the body and closes; ``corrupt``
            flips a byte of the body; ``expire`` says that the access token,
            page token or change token is no longer good; ``partial`` leaves
            files out of a listing and says so as the provider does; ``stall``
            answers nothing until the client gives up.
        done: The request is carried out, though its answer is lost.
    """

    kind: Kind
    status: int = 503
    reason: str = ""
    retry_after_s: float | None = None
    done: bool = False


@dataclasses.dataclass
class _Plan:
    fault: Fault
    match: str
    method: str
    skip: int
    times: int


class Faults:
    """The plan of a server; thread-safe.

    ``log`` has every request (``METHOD path``) since it was cleared.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: list[_Plan] = []
        self.log: list[str] = []

    def add(
        self,
        kind: Kind,
        *,
        match: str = "",
        method: str = "",
        skip: int = 0,
        times: int = 1,
        status: int = 503,
        reason: str = "",
        retry_after_s: float | None = None,
        done: bool = False,
    ) -> None:
        """Fail ``times`` requests whose path holds ``match``, after ``skip`` good ones."""
        fault = Fault(kind, status, reason, retry_after_s, done)
        with self._lock:
            self._plans.append(_Plan(fault, match, method, skip, times))

    def next(self, method: str, path: str) -> Fault | None:
        """What is to go wrong with this request; None is nothing."""
        with self._lock:
            self.log.append(f"{method} {path}")
            for plan in self._plans:
                if plan.times == 0 or plan.match not in path or plan.method not in ("", method):
                    continue
                if plan.skip:
                    plan.skip -= 1
                    continue
                plan.times -= 1
                return plan.fault
        return None

    def clear(self) -> None:
        """No faults from now on, and an empty log."""
        with self._lock:
            self._plans.clear()
            self.log.clear()
