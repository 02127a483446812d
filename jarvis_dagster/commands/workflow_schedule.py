"""``jarvis workflow schedule``: workflows that start by the clock."""

from __future__ import annotations

from typing import Annotated

import typer

from jarvis_dagster.commands import workflow_report as report
from jarvis_dagster.commands.printing import AsJson  # noqa: TC001 - Typer reads it
from jarvis_dagster.commands.workflow_given import Given, content_of, workflows

__all__ = ["schedule_app"]

FAILED = 1

schedule_app = typer.Typer(help="Workflows that start by the clock.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The schedule's name.")]
Note = Annotated[str, typer.Option(help="Why, for others.")]


@schedule_app.command()
def create(
    name: Name,
    workflow: Annotated[str, typer.Argument(help="The workflow to start.")],
    cron: Annotated[str, typer.Option(help="When, as in cron: '0 3 * * *'.")],
    given: Given = "{}",
    timezone: Annotated[str, typer.Option(help="As in Europe/Helsinki.")] = "UTC",
    component: Annotated[str | None, typer.Option(help="On whose behalf.")] = None,
) -> None:
    """Make a schedule; the same name again changes it."""
    with workflows() as service:
        service.create_schedule(
            name, workflow, content_of(given), cron, component, timezone=timezone
        )
        found = service.get_schedule(name)
    if found is not None:
        report.print_schedules([found], as_json=False)


@schedule_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List schedules, when they were due and will be."""
    with workflows() as service:
        found = service.list_schedules()
    report.print_schedules(found, as_json=as_json)


@schedule_app.command()
def pause(name: Name, note: Note = "") -> None:
    """Start nothing more by it until it is resumed."""
    with workflows() as service:
        service.pause_schedule(name, note)
    typer.echo(f"{name} is paused.")


@schedule_app.command()
def resume(name: Name, note: Note = "") -> None:
    """Go on with it."""
    with workflows() as service:
        service.resume_schedule(name, note)
    typer.echo(f"{name} goes on.")


@schedule_app.command()
def trigger(name: Name) -> None:
    """Start its workflow now, beside its times."""
    with workflows() as service:
        service.trigger_schedule(name)
    typer.echo(f"{name} is started.")


@schedule_app.command()
def delete(name: Name) -> None:
    """Delete it, not what it started; exit code 1 if there is none."""
    with workflows() as service:
        gone = service.delete_schedule(name)
    if not gone:
        typer.echo(f"There is no schedule {name}.", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"{name} is deleted.")
