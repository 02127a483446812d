"""``jarvis workflow``: start, watch, talk to and end workflows."""

from __future__ import annotations

import json
import time
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands import workflow_report as report
from jarvis_dagster.commands.printing import AsJson, print_json, terminal
from jarvis_dagster.commands.workflow_given import Given, content_of, workflows
from jarvis_dagster.commands.workflow_schedule import schedule_app

if TYPE_CHECKING:
    from jarvis_dagster.services.workflow import JarvisWorkflowService

__all__ = ["workflow_app"]

FAILED = 1
_LOOK_EVERY_S = 1.0

workflow_app = typer.Typer(
    help="Work that lasts: start it, watch it, talk to it, end it.", no_args_is_help=True
)
workflow_app.add_typer(schedule_app, name="schedule")
Id = Annotated[str, typer.Argument(help="The workflow's id.", metavar="ID")]
Values = Annotated[
    list[str] | None, typer.Argument(help="What goes with it: JSON values, or plain text.")
]


@workflow_app.command()
def start(
    workflow: Annotated[str, typer.Argument(help="Its name, as in computer-vision.")],
    given: Given = "{}",
    key: Annotated[
        str | None, typer.Option(help="What makes it the same work, in place of the input.")
    ] = None,
    component: Annotated[str | None, typer.Option(help="On whose behalf.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; print the result.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Start a workflow and print its id; the same input again is the same workflow.

    With --wait, exit code 1 unless it completes. Ctrl-C ends the waiting, not the workflow.
    """
    content = content_of(given)
    with workflows() as service:
        workflow_id = service.start_workflow(workflow, content, component, key=key)
        if not wait:
            report.say_id(workflow_id, as_json=as_json)
            return
        found = _until_its_end(service, workflow_id)
    report.print_status(found, as_json=as_json)
    if found["status"] != "completed":
        raise typer.Exit(FAILED)


@workflow_app.command()
def status(workflow_id: Id, as_json: AsJson = False) -> None:
    """Show how far a workflow is; exit code 1 if it failed or there is none."""
    with workflows() as service:
        found = service.get_workflow_status(workflow_id)
    report.print_status(found, as_json=as_json)
    if found["status"] not in {"running", "completed"}:
        raise typer.Exit(FAILED)


@workflow_app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option("--status", help="Only these: running, completed, failed ...")
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    component: Annotated[str | None, typer.Option(help="Only those of this component.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List workflows, the newest first."""
    with workflows() as service:
        found = service.list_workflows(state, workflow, component, limit)
    report.print_list(found, as_json=as_json)


@workflow_app.command()
def history(
    workflow_id: Id,
    limit: Annotated[int, typer.Option(min=1, help="How many events, the last ones.")] = 200,
    export: Annotated[
        Path | None, typer.Option(help="Write the whole history here, for replays.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened in a workflow, in order."""
    with workflows() as service:
        if export is not None:
            content = service.export_history(workflow_id)
            export.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")
            typer.echo(str(export))
            return
        found = service.get_workflow_history(workflow_id, limit)
    report.print_history(found, as_json=as_json)


@workflow_app.command()
def cancel(
    workflow_id: Id,
    now: Annotated[
        bool, typer.Option("--now", help="At once, without letting it tidy up.")
    ] = False,
) -> None:
    """Ask a workflow to stop; exit code 1 if there is none that runs."""
    with workflows() as service:
        ended = (
            service.terminate_workflow(workflow_id, "jarvis workflow cancel --now")
            if now
            else service.cancel_workflow(workflow_id)
        )
    if not ended:
        typer.echo(f"No workflow {workflow_id} runs.", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"{workflow_id} is {'ended' if now else 'asked to stop'}.")


@workflow_app.command()
def signal(
    workflow_id: Id,
    name: Annotated[str, typer.Argument(help="The signal.")],
    values: Values = None,
) -> None:
    """Tell a running workflow something."""
    with workflows() as service:
        service.signal_workflow(workflow_id, name, *map(_value, values or ()))
    typer.echo(f"{workflow_id} is told: {name}")


@workflow_app.command()
def query(
    workflow_id: Id,
    name: Annotated[str, typer.Argument(help="The question.")],
    values: Values = None,
) -> None:
    """Ask a workflow something and print its answer as JSON."""
    with workflows() as service:
        answer = service.query_workflow(workflow_id, name, *map(_value, values or ()))
    print_json(answer)


@workflow_app.command()
def event(
    name: Annotated[str, typer.Argument(help="What happened, as in run_failed.")],
    data: Annotated[
        str, typer.Option("--data", "-d", help="What is known of it: JSON, or @FILE.")
    ] = "{}",
    as_json: AsJson = False,
) -> None:
    """Tell of an event: the workflows that workflow.triggers names for it start."""
    content = content_of(data)
    with workflows() as service:
        started = service.handle_event(name, content)
    if as_json:
        print_json(started)
        return
    for one in started:
        typer.echo(one)
    if not started:
        typer.echo("No trigger is for this event.", err=True)


@workflow_app.command()
def queues(as_json: AsJson = False) -> None:
    """Show how much waits for workers, and how many there are, by kind of work."""
    with workflows() as service:
        found = service.backlog()
    report.print_queues(found, as_json=as_json)


def _until_its_end(service: JarvisWorkflowService, workflow_id: str) -> dict[str, Any]:
    from jarvis_dagster.commands.display import Display

    with Display(terminal(stderr=True)) as display:
        while (found := service.get_workflow_status(workflow_id))["status"] == "running":
            display.update(workflow_id, round(100 * found["progress"]), 100)
            time.sleep(_LOOK_EVERY_S)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
