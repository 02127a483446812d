"""The embedded stack: real servers as child processes of a supervisor, on one machine.

Belongs here: what `jarvis up / down / status / logs` do, as plain functions. Does not belong
here: clients of the servers (`services`), the production stack (`docker-compose.yml`).

The names below are imported when they are first used: every program of the stack passes through
`launch`, which needs almost nothing of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_dagster.stack.addresses import Endpoints, endpoints, environment
    from jarvis_dagster.stack.borrowing import borrowed, keep_running
    from jarvis_dagster.stack.config import PROGRAM_NAMES, ProgramName, StackConfig, StackPorts
    from jarvis_dagster.stack.dagster_home import write_dagster_home
    from jarvis_dagster.stack.lifecycle import Event, ensure_up, stop
    from jarvis_dagster.stack.status import ProgramStatus, stack_status

__all__ = [
    "PROGRAM_NAMES",
    "Endpoints",
    "Event",
    "ProgramName",
    "ProgramStatus",
    "StackConfig",
    "StackPorts",
    "borrowed",
    "endpoints",
    "ensure_up",
    "environment",
    "keep_running",
    "stack_status",
    "stop",
    "write_dagster_home",
]

_HOMES = {
    "config": ("PROGRAM_NAMES", "ProgramName", "StackConfig", "StackPorts"),
    "dagster_home": ("write_dagster_home",),
    "borrowing": ("borrowed", "keep_running"),
    "addresses": ("Endpoints", "endpoints", "environment"),
    "lifecycle": ("Event", "ensure_up", "stop"),
    "status": ("ProgramStatus", "stack_status"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
