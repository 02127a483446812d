"""The settings of the embedded stack.

Belongs here: what a person may choose about the servers that `jarvis up` runs
(where their state lives, which of them run, the ports they listen on).
Does not belong here: how settings are read from files (`jarvis_dagster.settings`)
and what each server's command line looks like (`programs`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["PROGRAM_NAMES", "ProgramName", "StackConfig", "StackPorts", "default_data_dir"]

ProgramName = Literal[
    "object-store",
    "temporal",
    "mlflow",
    "metrics",
    "worker",
    "dagster-code",
    "dagster-webserver",
    "dagster-viewer",
    "dagster-daemon",
    "login",
    "gateway",
]
"""Every program of the stack, in the order in which they start."""

PROGRAM_NAMES: tuple[ProgramName, ...] = get_args(ProgramName)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_GRPC_OFFSET = 10_000
_INTERNAL_PORTS = 4


def default_data_dir() -> Path:
    """Return `$JARVIS_DATA_DIR`, or the user's data directory for `jarvis`."""
    named = os.environ.get("JARVIS_DATA_DIR")
    return Path(named).expanduser() if named else platformdirs.user_data_path("jarvis")


class StackPorts(BaseModel):
    """One TCP port a server; every one must be free, and none used twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    object_store: int = Field(
        default=8333,
        gt=0,
        le=65_535 - _GRPC_OFFSET,
        description="S3 endpoint of the object store. It also takes the port 10000 above.",
    )
    object_store_internal: int = Field(
        default=9333,
        gt=0,
        le=65_536 - _GRPC_OFFSET - _INTERNAL_PORTS,
        description="First of four consecutive ports that the parts of the object store use among "
        "themselves. Each also takes the port 10000 above.",
    )
    temporal: int = Field(default=7233, gt=0, le=65_535, description="Temporal's gRPC frontend.")
    temporal_ui: int = Field(default=8233, gt=0, le=65_535, description="Temporal's web page.")
    mlflow: int = Field(
        default=5000, gt=0, le=65_535, description="MLflow's tracking server and page."
    )
    metrics: int = Field(
        default=9464, gt=0, le=65_535, description="Where Prometheus scrapes Jarvis' own metrics."
    )
    dagster: int = Field(default=3000, gt=0, le=65_535, description="Dagster's web page.")
    dagster_viewer: int = Field(
        default=3100, gt=0, le=65_535, description="Dagster's web page that only shows."
    )
    login: int = Field(
        default=8601, gt=0, le=65_535, description="The login and Jarvis' own pages."
    )
    gateway: int = Field(
        default=8600,
        gt=0,
        le=65_535,
        description="The gateway: the one address for people, with a login in front of every page.",
    )
    dagster_code: int = Field(
        default=4000, gt=0, le=65_535, description="gRPC server that loads the Dagster definitions."
    )

    def internal(self) -> tuple[int, int, int, int]:
        """Return the object store's master, volume, filer and admin ports."""
        first = self.object_store_internal
        return (first, first + 1, first + 2, first + 3)

    @model_validator(mode="after")
    def _no_port_twice(self) -> Self:
        taken: dict[int, str] = {}
        for name, ports in self.by_setting().items():
            for port in ports:
                if port in taken:
                    msg = f"ports.{name} and ports.{taken[port]} both take port {port}"
                    raise ValueError(msg)
                taken[port] = name
        return self

    def by_setting(self) -> dict[str, tuple[int, ...]]:
        """Return every port each setting stands for."""
        store = (self.object_store, *self.internal())
        grpc = tuple(port + _GRPC_OFFSET for port in store)
        return {
            "object_store": (store[0], grpc[0]),
            "object_store_internal": (*store[1:], *grpc[1:]),
            "temporal": (self.temporal,),
            "temporal_ui": (self.temporal_ui,),
            "mlflow": (self.mlflow,),
            "metrics": (self.metrics,),
            "dagster": (self.dagster,),
            "dagster_viewer": (self.dagster_viewer,),
            "dagster_code": (self.dagster_code,),
            "login": (self.login,),
            "gateway": (self.gateway,),
        }


class StackConfig(BaseModel):
    """What `jarvis up` runs on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        validate_default=True,
        description="Directory that holds all state: objects, databases, logs, secrets. Default: "
        "`$JARVIS_DATA_DIR`, else the user's data directory for `jarvis`.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address that the web pages (Dagster, MLflow, Temporal, metrics) listen on. "
        "They have no login: leave it at loopback, and let people in by the gateway "
        "(`gateway.listen`). The object store, Temporal's gRPC and the code server always stay on "
        "loopback.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Host names under which browsers may reach MLflow when `host` is not loopback.",
    )
    programs: tuple[ProgramName, ...] = Field(
        default=PROGRAM_NAMES, description="Programs that `jarvis up` starts when it is given none."
    )
    ports: StackPorts = Field(default_factory=StackPorts, description="Ports of the servers.")
    buckets: tuple[str, ...] = Field(
        default=("jarvis-artifacts", "jarvis-models", "jarvis-datasets", "jarvis-logs"),
        description="Buckets that the object store makes at its start.",
    )
    object_store_memory: str = Field(
        default="512MiB",
        pattern=r"^\d+(B|KiB|MiB|GiB)$",
        description="Soft memory limit of the object store (GOMEMLIMIT).",
    )
    start_timeout_s: float = Field(
        default=180.0, gt=0, description="Seconds that one program may take until it answers."
    )
    stop_timeout_s: float = Field(
        default=40.0,
        gt=0,
        description="Seconds that one program may take to stop before it is killed.",
    )
    log_max_bytes: int = Field(
        default=10_000_000, gt=0, description="Size at which a program's log is rotated."
    )
    log_backups: int = Field(default=3, ge=0, description="Rotated logs that are kept a program.")

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("programs", mode="after")
    @classmethod
    def _in_start_order(cls, value: tuple[ProgramName, ...]) -> tuple[ProgramName, ...]:
        return tuple(name for name in PROGRAM_NAMES if name in value)

    @property
    def is_loopback(self) -> bool:
        """Whether the web pages can be reached from this machine only."""
        return self.host in LOOPBACK
