"""What ``jarvis workflow`` prints.

Belongs here: tables and JSON. Does not belong here: options and exit codes (``workflow.py``).
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import typer

from jarvis_dagster.commands.printing import print_json, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

__all__ = [
    "print_history",
    "print_list",
    "print_queues",
    "print_schedules",
    "print_status",
    "say_id",
]

_STYLES = {"completed": "green", "running": "cyan", "failed": "red", "timed_out": "red"}


def say_id(workflow_id: str, *, as_json: bool) -> None:
    """The id alone, for scripts."""
    typer.echo(json.dumps({"id": workflow_id}) if as_json else workflow_id)


def print_status(found: Mapping[str, Any], *, as_json: bool) -> None:
    """How far a workflow is, and what came of it."""
    if as_json:
        print_json(found)
        return
    from rich.text import Text

    table = _table("", "")
    status = found["status"]
    table.add_row("workflow", found["id"])
    table.add_row("status", Text(status, _STYLES.get(status, "yellow")))
    if found["start_time"] is not None:
        table.add_row("started (UTC)", _time(found["start_time"]))
        table.add_row("took" if status != "running" else "so far", _span(found["execution_time"]))
        table.add_row("progress", f"{found['progress']:.0%}")
    for name, value in found["metrics"].items():
        table.add_row(name.replace("_", " "), str(value))
    for step, seconds in found["performance"].get("step_seconds", {}).items():
        table.add_row(f"  {step}", _span(seconds))
    if "frames_per_second" in found["performance"]:
        table.add_row("frames/s", f"{found['performance']['frames_per_second']:.1f}")
    if found["error"]:
        table.add_row("error", Text(found["error"], "red"))
    if found["result"] is not None:
        table.add_row("result", Text(json.dumps(found["result"], indent=1, default=str)))
    terminal().print(table)


def print_list(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Workflows, one a line."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        typer.echo("There are no such workflows.")
        return
    from rich.text import Text

    table = _table("workflow", "status", "started (UTC)", "took", "component", "events")
    for row in rows:
        table.add_row(
            row["id"],
            Text(row["status"], _STYLES.get(row["status"], "yellow")),
            _time(row["start_time"]),
            _span(row["execution_time"]),
            row["component"],
            str(row["events"]),
        )
    terminal().print(table)


def print_history(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Events, one a line."""
    if as_json:
        print_json(list(rows))
        return
    from rich.text import Text

    table = _table("", "time (UTC)", "event", "what", "detail")
    for row in rows:
        style = "red" if row["event"].endswith(("failed", "timed_out")) else ""
        table.add_row(
            str(row["number"]),
            f"{row['time']:%H:%M:%S.%f}"[:-3],
            Text(row["event"].replace("_", " "), style),
            row["what"],
            Text(row["detail"]),
        )
    terminal().print(table)


def print_schedules(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Schedules, one a line."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        typer.echo("There are no schedules.")
        return
    table = _table("schedule", "workflow", "when", "state", "last (UTC)", "next (UTC)")
    for row in rows:
        paused = f"paused: {row['note']}" if row["note"] else "paused"
        table.add_row(
            row["name"],
            row["workflow"],
            f"{row['cron']} {row['timezone']}",
            paused if row["paused"] else "on",
            _time(row["last_time"]),
            "" if row["paused"] else _time(row["next_time"]),
        )
    terminal().print(table)


def print_queues(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Task queues, one a line."""
    if as_json:
        print_json(list(rows))
        return
    table = _table("queue", "work", "waiting", "oldest", "workers")
    for row in rows:
        table.add_row(
            row["queue"],
            row["kind"],
            str(row["waiting"]),
            _span(row["oldest_s"]) if row["waiting"] else "",
            str(row["workers"]),
        )
    terminal().print(table)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=any(columns), pad_edge=False)
    for number, name in enumerate(columns):
        # The first names the thing: it is copied into the next command.
        table.add_column(name, overflow="fold", no_wrap=number == 0)
    return table


def _time(at: datetime.datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"
