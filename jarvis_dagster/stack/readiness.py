"""Waiting until a program answers.

Belongs here: asking each kind of server whether it serves.
Does not belong here: what is done when it does not (`lifecycle`).
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import tenacity

from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.stack.programs import Check, Program
    from jarvis_dagster.stack.supervision import ProgramState, Supervisor

__all__ = ["answers", "last_lines", "wait_until_ready"]

_ASK_TIMEOUT_S = 3.0


def answers(check: Check, state: ProgramState | None) -> bool:
    """Tell whether the program behind `check` serves now."""
    if state is None or not state.is_up:
        return False
    if check.kind == "http":
        return _http_answers(check.target)
    if check.kind == "grpc":
        return _grpc_answers(check.target, check.service)
    return state.state == "RUNNING"


def wait_until_ready(
    program: Program, supervisor: Supervisor, *, timeout_s: float, log: Path
) -> None:
    """Wait until `program` answers.

    Raises:
        TransientError: it gave up or did not answer in time. The message ends with the last lines
            of its log.
    """

    def ask() -> bool:
        state = supervisor.states().get(program.name)
        if state is None or state.state in ("FATAL", "STOPPED", "EXITED"):
            raise TransientError(
                f"The {program.title} ({program.name}) does not stay up.{_said(log)}",
                f"See {log}.",
            )
        return answers(program.check, state)

    waiting = tenacity.Retrying(
        stop=tenacity.stop_after_delay(timeout_s),
        wait=tenacity.wait_fixed(0.1),
        retry=tenacity.retry_if_result(lambda ready: not ready),
    )
    try:
        waiting(ask)
    except tenacity.RetryError:
        raise TransientError(
            f"The {program.title} ({program.name}) does not answer after {timeout_s:g} s."
            f"{_said(log)}",
            f"See {log}; on a slow machine raise stack.start_timeout_s.",
        ) from None


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last `count` lines of `log`, none if there is no such file."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=count)]
    except OSError:
        return []


def _said(log: Path) -> str:
    lines = [line for line in last_lines(log, 8) if line.strip()]
    return " Its last words:\n  " + "\n  ".join(lines) + "\n" if lines else ""


def _http_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_ASK_TIMEOUT_S) as response:  # noqa: S310
            return bool(response.status < HTTPStatus.BAD_REQUEST)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _grpc_answers(address: str, service: str) -> bool:
    import grpc  # type: ignore[import-untyped]
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel(address) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=_ASK_TIMEOUT_S
            )
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
