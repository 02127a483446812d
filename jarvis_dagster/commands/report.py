"""``jarvis report``: the weekly reports, by hand.

Belongs here: options, help and what is printed. Does not belong here: what a report says
(``reporting``).
"""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table

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
    as_json: AsJson = False,
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
        print_json([_row(one, out) for one in made])
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
    rows = []
    for one in made:
        moved = [row["title"] for row in one.numbers["figures"] if row["direction"]]
        where = one.files["report.html"].parent if out else one.folder or "in the store"
        rows.append((one.about, one.week, ", ".join(moved) or "nothing", where))
    print_table(("report", "week", "what moved", "where"), rows)
