"""The embedded stack as a whole, with the real servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import tenacity
from rich.console import Console

from jarvis_dagster.commands import stack as command
from jarvis_dagster.errors import BadInputError, JarvisError, TransientError
from jarvis_dagster.stack import (
    PROGRAM_NAMES,
    Endpoints,
    Event,
    ProgramStatus,
    StackConfig,
    ensure_up,
    stack_status,
    stop,
)
from jarvis_dagster.stack.layout import StackPaths
from jarvis_dagster.stack.processes import listener_on, marked_processes
from jarvis_dagster.stack.supervision import SUPERVISOR, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeConfig = Callable[..., StackConfig]


def s3(at: Endpoints) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://{at.object_store}",
        aws_access_key_id=at.access_key,
        aws_secret_access_key=at.secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", retries={"max_attempts": 10}),
    )


def read(at: Endpoints, key: str) -> bytes:
    body: bytes = s3(at).get_object(Bucket="jarvis-artifacts", Key=key)["Body"].read()
    return body


def write(at: Endpoints, key: str, body: bytes) -> None:
    s3(at).put_object(Bucket="jarvis-artifacts", Key=key, Body=body)


def temporal(at: Endpoints, config: StackConfig, *words: str) -> str:
    from jarvis_dagster.stack.programs import build_program

    binary = build_program("temporal", config).argv[0]
    done = subprocess.run(
        [binary, *words, "--address", at.temporal_address],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def row(config: StackConfig, name: str) -> ProgramStatus:
    return next(row for row in stack_status(config) if row.program == name)


def left_over(config: StackConfig) -> list[str]:
    return sorted(marked_processes(str(config.data_dir)).values())


@tenacity.retry(
    stop=tenacity.stop_after_delay(40),
    wait=tenacity.wait_fixed(0.1),
    retry=tenacity.retry_if_result(lambda result: result is None),
)
def restarted(config: StackConfig, name: str, old: int) -> ProgramStatus | None:
    now = row(config, name)
    return now if now.state == "ready" and now.pid != old else None


@tenacity.retry(stop=tenacity.stop_after_delay(20), wait=tenacity.wait_fixed(0.1))
def wait_for_text(path: Path, text: str) -> None:
    assert text in path.read_text()


@tenacity.retry(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.05))
def wait_for_state(config: StackConfig, name: str, state: str) -> None:
    assert row(config, name).state == state


def test_life_of_a_stack(make_config: MakeConfig) -> None:
    config = make_config()
    at = ensure_up(config, ["object-store"])
    write(at, "a", b"kept")

    # More programs later; the first one is left alone.
    first = row(config, "object-store")
    events: list[Event] = []
    ensure_up(config, ["object-store", "temporal"], events.append)
    assert row(config, "object-store").pid == first.pid
    assert [(e.kind, e.program) for e in events if e.program == "object-store"] == [
        ("already-up", "object-store")
    ]
    temporal(at, config, "workflow", "start", "--type", "T", "--task-queue", "q", "-w", "waits")
    assert [r.program for r in stack_status(config) if r.state == "ready"] == [
        "object-store",
        "temporal",
    ]

    # Nothing listens beyond loopback, and nobody else may open the sockets.
    for process in marked_processes(str(config.data_dir)):
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in ("127.0.0.1", "::1"), connection
    paths = StackPaths(config.data_dir)
    assert stat.S_IMODE(paths.supervisor_socket.stat().st_mode) == 0o700
    assert at.secret_key not in paths.supervisor_config.read_text()

    # A killed program comes back by itself and has kept everything.
    pid = first.pid or 0
    os.kill(pid, signal.SIGKILL)
    assert restarted(config, "object-store", pid)
    assert read(at, "a") == b"kept"

    # So does a killed supervisor's whole stack at the next `up`.
    write(at, "b", b"kept too")
    heads = marked_processes(str(config.data_dir)).items()
    head = next(process for process, name in heads if name == SUPERVISOR)
    head.kill()
    head.wait(240)
    # (The object store may have ended by itself: nobody reads what it logs.)
    assert "temporal" in {r.program for r in stack_status(config) if r.state == "orphaned"}
    events.clear()
    assert ensure_up(config, ["object-store", "temporal"], events.append) == at
    assert "recovered" in {event.kind for event in events}
    assert left_over(config) == ["object-store", SUPERVISOR, "temporal"]
    assert read(at, "a") == b"kept"
    assert read(at, "b") == b"kept too"
    assert "waits" in temporal(at, config, "workflow", "describe", "-w", "waits")

    # Changed settings restart what they concern, and only that.
    changed = config.model_copy(update={"object_store_memory": "300MiB"})
    before = {r.program: r.pid for r in stack_status(config)}
    ensure_up(changed, ["object-store", "temporal"])
    assert row(config, "object-store").pid != before["object-store"]
    assert row(config, "temporal").pid == before["temporal"]
    assert read(at, "a") == b"kept"

    # One program can be stopped; then all; and nothing is left.
    stop(config, ["temporal"])
    assert row(config, "temporal").state == "stopped"
    assert row(config, "object-store").state == "ready"
    stop(config)
    assert left_over(config) == []
    assert not paths.supervisor_socket.exists()
    stop(config)


def test_anonymous_requests_get_no_object(make_config: MakeConfig) -> None:
    import urllib.error
    import urllib.request

    config = make_config()
    at = ensure_up(config, ["object-store"])
    write(at, "secret", b"for its owner")
    filer = config.ports.internal()[2]
    for address in (
        at.object_store + "/jarvis-artifacts",
        f"127.0.0.1:{filer}/buckets/jarvis-artifacts",
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://{address}/secret", timeout=10)
        assert refused.value.code in (403, 404)
        refused.value.close()


def test_a_taken_port_is_named_with_its_holder(make_config: MakeConfig) -> None:
    config = make_config()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", config.ports.temporal_ui))
        holder.listen(1)
        with pytest.raises(BadInputError) as refused:
            ensure_up(config, ["object-store", "temporal"])
    message = str(refused.value)
    assert str(config.ports.temporal_ui) in message
    assert f"(process {os.getpid()})" in message
    assert "Temporal" in message
    assert "stack.ports.temporal_ui" in message
    assert "\n" not in message
    assert left_over(config) == []


def test_another_stacks_port_is_named_with_its_data_directory(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    first = make_config(data_dir=tmp_path / "first")
    second = make_config(data_dir=tmp_path / "second", ports=first.ports)
    ensure_up(first, ["temporal"])
    with pytest.raises(BadInputError, match=f"of the Jarvis stack in {tmp_path / 'first'}"):
        ensure_up(second, ["temporal"])
    assert listener_on(first.ports.temporal).name == "temporal"


def test_two_ups_at_once_do_not_fight(make_config: MakeConfig) -> None:
    config = make_config()
    told: list[list[str]] = [[], []]
    failures: list[BaseException] = []

    def up(who: int) -> None:
        try:
            ensure_up(config, ["temporal"], lambda event: told[who].append(event.kind))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    both = [threading.Thread(target=up, args=(who,)) for who in (0, 1)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert failures == []
    assert sorted(told) == [["starting", "ready"], ["waiting", "already-up"]]
    assert left_over(config) == [SUPERVISOR, "temporal"]


def test_a_long_data_directory_works(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(data_dir=tmp_path / ("a-long-name" * 12))
    ensure_up(config, ["object-store"])
    assert row(config, "object-store").state == "ready"
    stop(config)
    assert left_over(config) == []
    StackPaths(config.data_dir).sockets.rmdir()


def test_a_program_that_fails_says_why(make_config: MakeConfig) -> None:
    config = make_config()
    paths = StackPaths(config.data_dir)
    paths.make()
    (paths.temporal / "temporal.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(TransientError, match=r"(?s)Temporal.*not a database.*temporal\.log"):
        ensure_up(config, ["temporal"])
    assert row(config, "temporal").state in ("stopped", "failed")


def test_a_failing_program_is_started_again_until_it_works(make_config: MakeConfig) -> None:
    config = make_config()
    ensure_up(config, ["temporal"])
    database = StackPaths(config.data_dir).temporal / "temporal.db"
    for path in database.parent.glob("temporal.db*"):
        path.unlink()  # the program still has it open
    database.write_bytes(b"this is not a database" * 100)
    pid = row(config, "temporal").pid or 0
    os.kill(pid, signal.SIGKILL)
    wait_for_state(config, "temporal", "failing")
    for path in database.parent.glob("temporal.db*"):
        path.unlink()
    events: list[Event] = []
    ensure_up(config, ["temporal"], events.append)  # sooner than by itself
    assert (events[0].kind, events[0].text) == ("restarting", "it was failing")
    assert row(config, "temporal").state == "ready"
    told = StackPaths(config.data_dir).supervisor_config.read_text()
    assert "startretries=1000000" in told  # by itself, it never gives up


def test_an_unknown_program_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(BadInputError, match=r"no program minio.*object-store"):
        ensure_up(make_config(), ["minio"])  # type: ignore[list-item]


def test_the_commands_show_what_happens(make_config: MakeConfig) -> None:
    config = make_config(programs=("temporal",))
    console = Console(width=100, force_terminal=False, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        command.up(config, console)
        assert "temporal is ready" in console.export_text()
        command.up(config, console)
        assert "temporal was up already" in console.export_text()
        assert command.status(config, console, as_json=True)
        rows = {r["program"]: r for r in json.loads(console.export_text())}
        assert set(rows) == set(PROGRAM_NAMES)
        assert rows["temporal"]["state"] == "ready"
        assert rows["temporal"]["port"] == config.ports.temporal
        assert rows["temporal"]["memory_mb"] > 10
        assert rows["mlflow"]["state"] == "stopped"
        assert command.status(config, console)
        assert "mlflow" in console.export_text()
        wait_for_text(StackPaths(config.data_dir).log("temporal"), "Temporal UI")
        command.logs(config, console, "temporal", lines=5)
        assert "Temporal UI" in console.export_text()
        with pytest.raises(JarvisError, match="no program minio"):
            command.logs(config, console, "minio")
        command.down(config, console)
        assert "Everything is stopped" in console.export_text()
        assert not command.status(config, console)
        command.down(config, console)
        assert "Nothing was running" in console.export_text()
        assert not Supervisor(config).is_alive()
