"""``jarvis alerts``: what fires, and silence for what is known.

Belongs here: options, help and what is printed. Does not belong here: rules (``deploy``), calls
(``services/analytics``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table

if TYPE_CHECKING:
    from jarvis_dagster.services.analytics import JarvisAnalyticsService

__all__ = ["alerts_app"]

alerts_app = typer.Typer(help="Alerts that fire, and silences.", no_args_is_help=True)
FAILED = 1
_COLOURS = {"critical": "bold red", "error": "red", "warning": "yellow"}


@alerts_app.command("list")
def list_(
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are silenced or have a cause.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What fires, the gravest first; exit code 1 if something does."""
    found = [one for one in _service().alerts() if every or one.state == "told"]
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    elif not found:
        typer.echo("Nothing fires.")
    else:
        from rich.text import Text

        print_table(
            ("alert", "severity", "since", "what", "what to do", *(["state"] if every else [])),
            [
                (
                    one.name,
                    Text(one.severity, _COLOURS.get(one.severity, "")),
                    one.since[:16].replace("T", " "),
                    one.summary,
                    one.remedy,
                    *([one.state] if every else []),
                )
                for one in found
            ],
        )
    if any(one.state == "told" for one in found):
        raise typer.Exit(FAILED)


@alerts_app.command()
def silence(
    labels: Annotated[
        list[str], typer.Argument(help="An alert's name, or labels as in `service=storage`.")
    ],
    hours: Annotated[float, typer.Option("--hours", help="For how long.")] = 2.0,
    why: Annotated[str, typer.Option(help="The reason, for others.", prompt="Why")] = "",
) -> None:
    """Have alerts tell nobody for a while; they are still listed. Prints the silence's id."""
    from jarvis_dagster.commands.platform import this_person

    pairs = (part.partition("=") for part in labels)
    matchers = dict((name, value) if mark else ("alertname", name) for name, mark, value in pairs)
    typer.echo(_service().silence(matchers, hours, by=this_person(), why=why))


@alerts_app.command()
def silences(as_json: AsJson = False) -> None:
    """The silences in force."""
    found = _service().silences()
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
        return
    print_table(
        ("silence", "of", "until", "by", "why"),
        [
            (
                one.id,
                ", ".join(f"{name}={value}" for name, value in one.matchers.items()),
                one.ends[:16].replace("T", " "),
                one.by,
                one.why,
            )
            for one in found
        ],
    )


@alerts_app.command()
def unsilence(
    silence_id: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id.")],
) -> None:
    """End a silence now."""
    _service().end_silence(silence_id)
    typer.echo(f"{silence_id} ended")


def _service() -> JarvisAnalyticsService:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    return core_services(load_settings()).analytics_service
