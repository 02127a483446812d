"""Waiting until a program answers.

Belongs here: asking each kind of server whether it serves.
Does not belong here: what is done when it does not (`lifecycle`).
"""

from __future__ import annotations

import io
import socket
import urllib.error
import urllib.request
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import tenacity

from jarvis_dagster.errors import TransientError
from jarvis_dagster.stack.object_store import PROBE_BUCKET
from jarvis_dagster.stack.processes import is_started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jarvis_dagster.stack.program import Program
    from jarvis_dagster.stack.supervision import ProgramState, Supervisor

__all__ = ["answers", "last_lines", "wait_until_ready"]

_ASK_TIMEOUT_S = 3.0
_MOST_FAILED_STARTS = 3


def answers(program: Program, state: ProgramState | None) -> bool:
    """Tell whether `program` serves now.

    What a killed one left behind may still answer in its place, until the next start ends it.
    """
    check = program.check
    if state is None or not state.is_up or not is_started(state.pid, program.name):
        return False
    if check.kind == "s3":
        return _s3_answers(check.target, program.secrets())
    if check.kind == "http":
        return _http_answers(check.target)
    if check.kind == "port":
        return _port_answers(int(check.target))
    if check.kind == "grpc":
        return _grpc_answers(check.target, check.service)
    return state.state == "RUNNING"


def wait_until_ready(
    program: Program, supervisor: Supervisor, *, timeout_s: float, log: Path
) -> None:
    """Wait until `program` answers.

    Raises:
        TransientError: it ended soon after each of several starts, or did not answer in time. The
            message ends with the last lines of its log.
    """
    ends: set[float] = set()

    def ask() -> bool:
        state = supervisor.states().get(program.name)
        if state is not None and state.state == "BACKOFF":
            ends.add(state.ended_at)
        over = state is None or state.state in ("FATAL", "STOPPED", "EXITED")
        if over or len(ends) > _MOST_FAILED_STARTS:
            raise TransientError(
                f"The {program.title} ({program.name}) does not stay up.{_said(log)}",
                f"See {log}.",
            )
        return answers(program, state)

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
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_ASK_TIMEOUT_S) as response:
            return bool(response.status < HTTPStatus.BAD_REQUEST)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _port_answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), _ASK_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _s3_answers(address: str, keys: Mapping[str, str]) -> bool:
    import urllib3
    from minio import Minio
    from minio.error import MinioException

    pool = urllib3.PoolManager(timeout=_ASK_TIMEOUT_S, retries=False)
    client = Minio(
        endpoint=address,
        access_key=keys["AWS_ACCESS_KEY_ID"],
        secret_key=keys["AWS_SECRET_ACCESS_KEY"],
        secure=False,
        region="us-east-1",
        http_client=pool,
    )
    bucket, key = PROBE_BUCKET, "probe"
    try:
        if not list(client.list_objects(bucket_name=bucket)):
            client.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"!"), length=1)
        reply = client.get_object(bucket_name=bucket, object_name=key)
        with reply:
            return bool(reply.read())
    except (MinioException, urllib3.exceptions.HTTPError, OSError):
        return False
    finally:
        pool.clear()


def _grpc_answers(address: str, service: str) -> bool:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=_ASK_TIMEOUT_S
            )
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
