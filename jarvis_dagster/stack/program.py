"""What a program of the stack is, and how one sees that it answers.

Belongs here: the facts that everything else needs of it. Does not belong here: which programs
there are (`programs`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from jarvis_dagster.stack.processes import MARKER, MARKER_PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jarvis_dagster.stack.config import ProgramName, StackConfig

__all__ = ["Check", "Program"]


@dataclass(frozen=True)
class Check:
    """How one sees that a program answers.

    `http`: a GET of `target` gives a status below 400. `port`: the address `target` takes
    connections. `s3`: the S3 server at the address
    `target` gives back an object. `grpc`: the gRPC health service at `target` says that `service`
    serves. `running`: the supervisor says it stays up.
    """

    kind: Literal["http", "port", "s3", "grpc", "running"]
    target: str = ""
    service: str = ""


@dataclass(frozen=True)
class Program:
    """One supervised program.

    `ports` maps a port to the setting that chooses it. `stage` orders the stop: higher first.
    `owns_runs` tells that Dagster's runs are its children.
    """

    name: ProgramName
    title: str
    argv: tuple[str, ...]
    cwd: Path
    check: Check
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)
    ports: Mapping[int, str] = field(default_factory=dict)
    port: int | None = None
    url: str | None = None
    host: str = "127.0.0.1"
    waits_for: tuple[ProgramName, ...] = ()
    stage: int = 0
    owns_runs: bool = False

    def plan(self, config: StackConfig) -> str:
        """Return what the launcher needs to start this program, as JSON, secrets included."""
        marker = {MARKER: str(config.data_dir), MARKER_PROGRAM: self.name}
        plan = {
            "argv": self.argv,
            "cwd": str(self.cwd),
            "env": {**self.env, **self.secrets(), **marker},
            "ports": sorted(self.ports),
            "owns_runs": self.owns_runs,
        }
        return json.dumps(plan, indent=1, sort_keys=True) + "\n"
