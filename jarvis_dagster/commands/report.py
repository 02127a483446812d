"""``jarvis report``: the weekly reports, by hand.

Belongs here: options, help and what is printed. Does not belong here: what a report says
(``reporting``).
"""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jarvis_dagster.reporting.weekly import Made

__all__ = ["report_app"]

report_app = typer.Typer(help="Weekly reports of teams and of the platform.", no_args_is_help=True)


@report_app.command()
def weekly(
    week: Annotated[
        str | None, typer.Option(help="As in 2026-W48; by default the last one that is over.")
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(help="Only this team's, or `platform`; repeat it. All by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write here, and neither store nor deliver anything."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a week's reports: HTML, PDF, JSON, CSV.

    They are stored and delivered as by schedule; the same week again replaces what is there.
    """
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.commands.upload import dagster_instance
    from jarvis_dagster.reporting.weekly import WeeklyReports, make_all
    from jarvis_dagster.reporting.weeks import Week

    today = datetime.datetime.now(datetime.UTC).date()
    chosen = Week.parse(week) if week else Week.last(today)

    def tell(one: Made) -> None:
        if one.note:
            typer.echo(one.note, err=True)

    with (
        platform(storage=True) as (settings, core),
        dagster_instance(settings) as instance,
        tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
    ):
        reports = WeeklyReports(chosen, settings, core, instance, out or Path(scratch))
        made = make_all(reports, team, keep=out is None, tell=tell)
    if as_json:
        typer.echo(json.dumps([_row(one, out) for one in made], indent=2))
        return
    _print(made, out)


def _row(one: Made, out: Path | None) -> dict[str, object]:
    return {
        "report": one.about,
        "week": one.week,
        "files": {name: str(path) for name, path in one.files.items()} if out else {},
        "stored": one.ids,
        "folder": one.folder,
        "numbers": one.numbers,
    }


def _print(made: list[Made], out: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("report", "week", "what moved", "where")
    for one in made:
        moved = [row["title"] for row in one.numbers["figures"] if row["direction"]]
        where = str(one.files["report.html"].parent) if out else one.folder or "in the store"
        table.add_row(
            Text(one.about), one.week, Text(", ".join(moved) or "nothing"), Text(where, "cyan")
        )
    Console().print(table)
