"""`jarvis up / down / status / logs`: the embedded stack on a terminal.

Belongs here: showing what `jarvis_dagster.stack` does. Does not belong here: doing it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from typing import TYPE_CHECKING

from rich.table import Table

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from jarvis_dagster.stack import Event, ProgramName, ProgramStatus, StackConfig

__all__ = ["down", "logs", "status", "up"]

_COLOURS = {
    "ready": "green",
    "starting": "yellow",
    "failing": "yellow",
    "failed": "red",
    "orphaned": "red",
    "stopped": "dim",
}


def up(
    config: StackConfig, console: Console, programs: Sequence[ProgramName] | None = None
) -> None:
    """Start the stack, or `programs` of it, and show the addresses once all answer.

    Raises:
        BadInputError: a program is unknown or a port is taken.
        TransientError: a program does not come up.
    """
    from jarvis_dagster.stack import ensure_up, keep_running, stack_status

    keep_running(config)
    asked = list(programs) if programs else None
    with console.status("Starting") as waiting:
        open_: list[str] = []

        def show(event: Event) -> None:
            _track(event, open_, console)
            waiting.update(f"Waiting for {', '.join(open_)}" if open_ else "Starting")

        ensure_up(config, asked, show)
    console.print(_table([row for row in stack_status(config) if row.pid]))
    console.print(f"State is in {config.data_dir}. `jarvis down` stops it.", soft_wrap=True)


def down(
    config: StackConfig, console: Console, programs: Sequence[ProgramName] | None = None
) -> None:
    """Stop the stack, or `programs` of it.

    Raises:
        TransientError: a process cannot be ended.
    """
    from jarvis_dagster.stack import stop

    stopped: list[str] = []
    with console.status("Stopping"):

        def show(event: Event) -> None:
            _track(event, [], console)
            if event.kind in ("stopped", "recovered"):
                stopped.append(event.program)

        stop(config, list(programs) if programs else None, show)
    console.print("Everything is stopped." if stopped else "Nothing was running.")


def status(config: StackConfig, console: Console, *, as_json: bool = False) -> bool:
    """Show what runs, as a table or as JSON; tell whether all configured programs are ready."""
    from jarvis_dagster.stack import stack_status

    rows = stack_status(config)
    if as_json:
        console.out(
            json.dumps([dataclasses.asdict(row) for row in rows], indent=2), highlight=False
        )
    else:
        console.print(_table(rows))
    return all(row.state == "ready" for row in rows if row.program in config.programs)


def logs(
    config: StackConfig,
    console: Console,
    program: str | None = None,
    *,
    follow: bool = False,
    lines: int = 50,
) -> None:
    """Show the last `lines` of the log of `program`, or of every one; `follow` does not return.

    Raises:
        BadInputError: there is no such program, or nothing was ever logged.
        NotSupportedError: following needs the program `tail`, which is missing.
    """
    from jarvis_dagster.stack.config import PROGRAM_NAMES
    from jarvis_dagster.stack.layout import StackPaths
    from jarvis_dagster.stack.readiness import last_lines

    known = (*PROGRAM_NAMES, "supervisord")
    if program is not None and program not in known:
        raise BadInputError(f"There is no program {program}.", f"There are {', '.join(known)}.")
    paths = StackPaths(config.data_dir)
    files = {name: paths.log(name) for name in ([program] if program else known)}
    files = {name: path for name, path in files.items() if path.is_file()}
    if not files:
        raise BadInputError(
            f"There is no log{f' of {program}' if program else ''} in {paths.logs} yet.",
            "Start the stack with `jarvis up`.",
        )
    if follow:
        tail = shutil.which("tail")
        if tail is None:
            raise NotSupportedError("Following a log needs the program `tail`.", "Leave out -f.")
        # -F goes on after a rotation.
        os.execv(tail, [tail, "-n", str(lines), "-F", *map(str, files.values())])  # noqa: S606
    for name, path in files.items():
        if len(files) > 1:
            console.rule(name, align="left")
        for line in last_lines(path, lines):
            console.out(line, highlight=False)


def _track(event: Event, waiting_for: list[str], console: Console) -> None:
    """Print what is worth a line, and keep the list of programs that are still awaited."""
    if event.kind == "starting":
        waiting_for.append(event.program)
    elif event.kind in ("ready", "already-up"):
        if event.program in waiting_for:
            waiting_for.remove(event.program)
        how = "is ready" if event.kind == "ready" else "was up already"
        console.print(f"[green]✓[/] {event.program} {how}")
    elif event.kind in ("waiting", "recovered"):
        console.print(f"[yellow]•[/] {event.text}")
    elif event.kind == "restarting":
        console.print(f"[yellow]•[/] {event.program} is started again: {event.text}")
    elif event.kind == "stopped":
        console.print(f"[green]✓[/] {event.program} is stopped")


def _table(rows: Sequence[ProgramStatus]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("program", "state"):
        table.add_column(title, no_wrap=True)
    for title in ("pid", "up", "port", "memory"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("address", overflow="fold")
    for row in rows:
        table.add_row(
            row.program,
            f"[{_COLOURS.get(row.state, 'default')}]{row.state}[/]",
            str(row.pid or ""),
            _duration(row.uptime_s),
            str(row.port or ""),
            "" if row.memory_mb is None else f"{row.memory_mb:.0f}M",
            (row.url or "") if row.pid else "",
        )
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join([f"{value}{unit}" for value, unit in parts if value][:2]) or "0s"
