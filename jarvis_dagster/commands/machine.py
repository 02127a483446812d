"""``jarvis up``, ``down``, ``status``, ``logs``, ``worker``, ``health``: what runs on a machine.

Belongs here: options, help and exit codes. Does not belong here: what a command does
(``stack.py``, ``worker.py``, ``health.py``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, terminal

__all__ = ["machine_app"]

FAILED = 1

machine_app = typer.Typer(help="What runs on this machine.")


@machine_app.command()
def up(
    programs: Annotated[
        list[str] | None, typer.Argument(help="Start only these; `jarvis status` lists them.")
    ] = None,
) -> None:
    """Start the whole stack on this machine."""
    from jarvis_dagster.commands import stack
    from jarvis_dagster.settings import load_settings

    stack.up(load_settings().stack, terminal(), programs or None)  # type: ignore[arg-type]


@machine_app.command()
def down(
    programs: Annotated[list[str] | None, typer.Argument(help="Stop only these.")] = None,
) -> None:
    """Stop the stack; nothing is lost."""
    from jarvis_dagster.commands import stack
    from jarvis_dagster.settings import load_settings

    stack.down(load_settings().stack, terminal(), programs or None)  # type: ignore[arg-type]


@machine_app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs; exit code 1 unless everything that should is ready."""
    from jarvis_dagster.commands import stack
    from jarvis_dagster.settings import load_settings

    if not stack.status(load_settings().stack, terminal(), as_json=as_json):
        raise typer.Exit(FAILED)


@machine_app.command()
def logs(
    program: Annotated[str | None, typer.Argument(help="Whose log; empty means all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines.")] = 50,
) -> None:
    """Show the logs of the stack."""
    from jarvis_dagster.commands import stack
    from jarvis_dagster.settings import load_settings

    stack.logs(load_settings().stack, terminal(), program, follow=follow, lines=lines)


@machine_app.command()
def worker(
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="workflows, vision, training or io; all by default."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="host:port of its metrics, for workflow.metrics_address.")
    ] = None,
    autoscale: Annotated[
        bool, typer.Option("--autoscale", help="As many processes as what waits needs.")
    ] = False,
    least: Annotated[int, typer.Option("--min", min=0, help="With --autoscale, at least.")] = 1,
    most: Annotated[int, typer.Option("--max", min=1, help="With --autoscale, at most.")] = 4,
) -> None:
    """Serve workflows until Ctrl-C or SIGTERM; running steps finish or are handed back."""
    from jarvis_dagster.commands import worker as command

    if autoscale:
        command.autoscale(kinds or (), metrics, least, most)
    else:
        command.work(kinds or (), metrics)


@machine_app.command()
def health(as_json: AsJson = False) -> None:
    """Ask every core service whether it works; exit code 1 if one does not."""
    from jarvis_dagster.commands.health import check_health
    from jarvis_dagster.settings import load_settings

    if not check_health(load_settings(), terminal(), as_json=as_json):
        raise typer.Exit(FAILED)
