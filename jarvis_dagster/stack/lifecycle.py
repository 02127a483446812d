"""Starting, stopping and describing the embedded stack.

Belongs here: the order of things, one caller at a time, and what is done about leftovers.
Does not belong here: the programs themselves (`programs`) and the supervisor (`supervision`).
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.stack.addresses import Endpoints, endpoints
from jarvis_dagster.stack.config import PROGRAM_NAMES, ProgramName, StackConfig
from jarvis_dagster.stack.dagster_home import write_dagster_home
from jarvis_dagster.stack.layout import StackPaths, write_private
from jarvis_dagster.stack.processes import is_free, listener_on, marked_processes, stop_processes
from jarvis_dagster.stack.programs import build_program, prepare
from jarvis_dagster.stack.readiness import wait_until_ready
from jarvis_dagster.stack.supervision import SUPERVISOR, ProgramState, Supervisor

if TYPE_CHECKING:
    from jarvis_dagster.stack.program import Program

__all__ = ["Event", "OnEvent", "ensure_up", "stop"]


@dataclass(frozen=True)
class Event:
    """Something that happened to one program, or to the stack (`program` empty)."""

    kind: Literal[
        "waiting", "recovered", "starting", "restarting", "already-up", "ready", "stopping",
        "stopped",
    ]  # fmt: skip
    program: str = ""
    text: str = ""


OnEvent = Callable[[Event], None]


def ensure_up(
    config: StackConfig,
    programs: Collection[ProgramName] | None = None,
    on_event: OnEvent | None = None,
) -> Endpoints:
    """Start `programs` (default: the configured ones) unless they run, and wait until they answer.

    Programs that already run are left alone, unless their settings changed. Only one process at
    a time does this; a second one waits, then finds everything up.

    Raises:
        BadInputError: a program is unknown, a port is taken, or the data directory is unusable.
        TransientError: a program does not come up; the message holds the end of its log.
        NotSupportedError: a server is not installed.
    """
    tell = on_event or _silent
    wanted = _chosen(config.programs if programs is None else programs)
    paths = StackPaths(config.data_dir)
    paths.make()
    with _one_at_a_time(paths, tell):
        write_dagster_home(config)
        write_private(paths.stack_file, config.model_dump_json(indent=1) + "\n")
        supervisor = Supervisor(config)
        if not supervisor.is_alive():
            _clear_leftovers(config, tell)
        built = [build_program(name, config) for name in wanted]
        for program in built:
            prepare(program, config)
        states = supervisor.states()
        todo = [program for program in built if not _is_current(program, config, states)]
        _stop_changed(todo, supervisor, states, tell)
        for program in todo:
            _require_free_ports(program)
        supervisor.ensure()
        _start(built, todo, config, supervisor, tell)
    return endpoints(config)


def stop(
    config: StackConfig,
    programs: Collection[ProgramName] | None = None,
    on_event: OnEvent | None = None,
) -> None:
    """Stop `programs`, or (None) all of them and the supervisor; what is not running is fine.

    Raises:
        TransientError: a process outlives being killed.
    """
    tell = on_event or _silent
    paths = StackPaths(config.data_dir)
    if not paths.run.is_dir():
        return
    with _one_at_a_time(paths, tell):
        supervisor = Supervisor(config)
        names = PROGRAM_NAMES if programs is None else _chosen(programs)
        running = [name for name, state in supervisor.states().items() if state.pid]
        built = [build_program(name, config) for name in names if name in running]
        for stage in sorted({program.stage for program in built}, reverse=True):
            together = [program for program in built if program.stage == stage]
            for program in together:
                tell(Event("stopping", program.name))
            supervisor.stop([program.name for program in together])
            for program in together:
                tell(Event("stopped", program.name))
        if programs is None:
            _end_supervisor(config, supervisor)
            _clear_leftovers(config, tell)


def _silent(event: Event) -> None:
    """Tell nobody."""


def _chosen(names: Collection[ProgramName]) -> list[ProgramName]:
    unknown = sorted(set(names) - set(PROGRAM_NAMES))
    if unknown:
        raise BadInputError(
            f"There is no program {', '.join(unknown)}.", f"There are {', '.join(PROGRAM_NAMES)}."
        )
    return [name for name in PROGRAM_NAMES if name in names]


@contextmanager
def _one_at_a_time(paths: StackPaths, tell: OnEvent) -> Iterator[None]:
    # The kernel drops the lock when its holder dies, so it is never stale.
    with paths.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(Event("waiting", text="another `jarvis` is starting or stopping this stack"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_current(program: Program, config: StackConfig, states: dict[str, ProgramState]) -> bool:
    """Whether it runs as it would be started now."""
    state = states.get(program.name)
    plan = StackPaths(config.data_dir).plan(program.name)
    return (
        state is not None
        and state.is_up
        and plan.is_file()
        and plan.read_text("utf-8") == program.plan(config)
    )


def _stop_changed(
    todo: list[Program],
    supervisor: Supervisor,
    states: dict[str, ProgramState],
    tell: OnEvent,
) -> None:
    """Stop what runs otherwise, and what waits for its next start after several that failed."""
    why = {
        program.name: "its settings changed" if state.pid else "it was failing"
        for program in todo
        if (state := states.get(program.name)) and (state.pid or state.state == "BACKOFF")
    }
    for name, text in why.items():
        tell(Event("restarting", name, text))
    if why:
        supervisor.stop(list(why))


def _require_free_ports(program: Program) -> None:
    for port, setting in program.ports.items():
        if not is_free(port, program.host):
            raise BadInputError(
                f"Port {port}, which the {program.title} ({program.name}) needs, is taken by "
                f"{listener_on(port)}.",
                f"Stop it, or choose another port with the setting {setting}.",
            )


def _start(
    built: list[Program],
    todo: list[Program],
    config: StackConfig,
    supervisor: Supervisor,
    tell: OnEvent,
) -> None:
    paths = StackPaths(config.data_dir)
    ready: set[str] = set()

    def finish(program: Program) -> None:
        if program.name in ready:
            return
        try:
            wait_until_ready(
                program,
                supervisor,
                timeout_s=config.start_timeout_s,
                log=paths.log(program.name),
            )
        except TransientError:
            supervisor.stop([program.name])
            raise
        ready.add(program.name)
        tell(Event("ready" if program in todo else "already-up", program.name, program.url or ""))

    by_name = {program.name: program for program in built}
    for program in built:
        for name in program.waits_for:
            if name in by_name:
                finish(by_name[name])
        if program in todo:
            tell(Event("starting", program.name))
            write_private(paths.plan(program.name), program.plan(config))
            supervisor.start(program.name)
    for program in built:
        finish(program)


def _end_supervisor(config: StackConfig, supervisor: Supervisor) -> None:
    supervisor.shut_down()
    ending = [
        process
        for process, program in marked_processes(str(config.data_dir)).items()
        if program == SUPERVISOR
    ]
    psutil.wait_procs(ending, timeout=config.stop_timeout_s + 10)


def _clear_leftovers(config: StackConfig, tell: OnEvent) -> None:
    """End what a killed supervisor left behind, and its files.

    Adopting the programs would not do: their output goes into a pipe nobody reads, and nothing
    would restart them. All of them keep their state in files that outlive them.
    """
    paths = StackPaths(config.data_dir)
    left = marked_processes(str(config.data_dir))
    if left:
        names = sorted({name or "a child" for name in left.values()})
        tell(Event("recovered", text=f"stopping what was left running: {', '.join(names)}"))
        # The supervisor first, or it would start again what is stopped under it.
        heads = [process for process, name in left.items() if name == SUPERVISOR]
        others = [process for process in left if process not in heads]
        alive = stop_processes(heads, config.stop_timeout_s)
        alive += stop_processes(others, config.stop_timeout_s)
        if alive:
            raise TransientError(
                f"These processes cannot be ended: {', '.join(str(p.pid) for p in alive)}.",
                "End them by hand, then try again.",
            )
    for path in (paths.supervisor_socket, paths.supervisor_pid, paths.sockets / "filer.sock"):
        path.unlink(missing_ok=True)
