"""What runs, as a table for people and as data for programs.

Belongs here: putting together what the supervisor and the operating system say.
Does not belong here: printing (`jarvis_dagster.commands.stack`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jarvis_dagster.stack.config import PROGRAM_NAMES, StackConfig
from jarvis_dagster.stack.layout import StackPaths
from jarvis_dagster.stack.processes import marked_processes, memory_bytes
from jarvis_dagster.stack.programs import build_program
from jarvis_dagster.stack.readiness import answers
from jarvis_dagster.stack.supervision import ProgramState, Supervisor

if TYPE_CHECKING:
    from jarvis_dagster.stack.program import Program

__all__ = ["ProgramStatus", "stack_status"]


@dataclass(frozen=True)
class ProgramStatus:
    """One row. `state` is `ready`, `starting`, `failing`, `failed`, `stopped` or `orphaned`."""

    program: str
    state: str
    pid: int | None
    uptime_s: float | None
    port: int | None
    memory_mb: float | None
    url: str | None
    log: str


def stack_status(config: StackConfig) -> list[ProgramStatus]:
    """Return one row a program, in the order in which they start. Changes nothing.

    `orphaned` means that it runs without a supervisor, which `jarvis up` and `jarvis down` mend.
    """
    paths = StackPaths(config.data_dir)
    states = Supervisor(config).states()
    orphans = {} if states else _orphans(config)
    return [
        _row(build_program(name, config), states.get(name), orphans.get(name), paths)
        for name in PROGRAM_NAMES
    ]


def _row(
    program: Program, state: ProgramState | None, orphan: int | None, paths: StackPaths
) -> ProgramStatus:
    pid = state.pid if state else orphan
    memory = memory_bytes(pid) if pid else None
    return ProgramStatus(
        program=program.name,
        state="orphaned" if orphan else _word(program, state),
        pid=pid,
        uptime_s=state.uptime_s if state else None,
        port=program.port,
        memory_mb=None if memory is None else round(memory / 2**20, 1),
        url=program.url,
        log=str(paths.log(program.name)),
    )


def _word(program: Program, state: ProgramState | None) -> str:
    if state is None:
        return "stopped"
    if state.state == "FATAL":
        return "failed"
    if state.state == "BACKOFF":
        return "failing"
    if not state.is_up:
        return "stopped"
    return "ready" if answers(program, state) else "starting"


def _orphans(config: StackConfig) -> dict[str, int]:
    """The processes that run without a supervisor: of each program the one started first."""
    left = marked_processes(str(config.data_dir))
    oldest = sorted(left, key=lambda process: (process.create_time(), process.pid), reverse=True)
    return {left[process]: process.pid for process in oldest}
