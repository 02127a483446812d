"""``jarvis drive sync``: two folders brought in step, from the command line.

Belongs here: options, and what is printed. Does not belong here: which folders
are meant (``synchronising``), the synchronisation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.services.client_storage.sync import SyncReport

__all__ = ["print_report", "sync_command"]

FAILED = 1
Folder = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER",
        help="NAME:PATH in a drive, s3://bucket/prefix, or a folder here that begins with"
        " / or ./ or ~.",
    ),
]

_VERBS = {
    "rename": "give another name",
    "move": "move",
    "folder": "make the folder",
    "copy": "bring",
    "replace": "replace",
    "delete": "delete",
    "remove": "remove the folder",
}
_ANSWERS = {
    "marker": "--accept-missing-marker",
    "empty": "--allow-empty",
    "deletes": "--force-deletes",
    "state": "--restart",
    "sides": "--restart",
}
_COLOURS = {"ok": "green", "changed meanwhile": "yellow", "incomplete": "red", "stopped": "red"}


def sync_command(
    a: Folder,
    b: Folder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Tell what would be done, and change nothing.")
    ] = False,
    include: Annotated[
        list[str] | None, typer.Option(help="Only files that match, as in '*.mp4' or 'Games/**'.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out files and folders that match.")
    ] = None,
    max_mb: Annotated[float | None, typer.Option(min=0, help="Leave out larger files.")] = None,
    force_deletes: Annotated[
        bool, typer.Option("--force-deletes", help="Delete even if that is most of a side.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="A side is empty because all was deleted.")
    ] = False,
    accept_missing_marker: Annotated[
        bool,
        typer.Option("--accept-missing-marker", help="A side without marker is the right one."),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Forget what was agreed: unite both sides, delete nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring two folders in step, both ways; exit code 1 unless both hold the same."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.services.client_storage.sync import Filter, SyncOptions
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.synchronising import Synchroniser
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    limit = None if max_mb is None else int(max_mb * 1_000_000)
    with Display(terminal(stderr=True)) as display:
        options = SyncOptions(
            filter=Filter(tuple(include or ()), tuple(exclude or ()), limit),
            dry_run=dry_run,
            force_deletes=force_deletes,
            allow_empty=allow_empty,
            accept_missing_marker=accept_missing_marker,
            restart=restart,
            transfers=4,
            progress=lambda done, total: display.update("Synchronising", done, total),
        )
        report = Synchroniser(core_services(settings), settings.drive.name).run(a, b, options)
    print_report(report, terminal(), as_json=as_json)
    if report.status != "ok":
        raise typer.Exit(FAILED)


def print_report(report: SyncReport, console: Console, *, as_json: bool) -> None:
    """Show what was done, and what to do now."""
    if as_json:
        console.out(json.dumps(report.to_dict(), indent=2, ensure_ascii=False), highlight=False)
        return
    from rich.text import Text

    if report.steps:
        console.print(_table(report))
    for path, copy in report.conflicts:
        console.print(Text(f"Both sides changed {path}; the other version is {copy}.", "yellow"))
    if report.aliases:
        side, path, there = report.aliases[0]
        more = len(report.aliases) - 1
        held = f"Side {side.upper()} has {there} for {path}, whose name it cannot hold"
        held += f", and {more} more such; --json names them." if more else "."
        console.print(Text(held, "dim"))
    for path in report.left_out:
        console.print(Text(f"{path} is a document without content of its own; left out.", "dim"))
    for problem in report.failures:
        console.print(Text(f"{problem.path}: {problem.message}", "red"))
    for path in report.changed:
        console.print(Text(f"{path} was changed meanwhile; the next run looks at it.", "yellow"))
    for reason in report.reasons:
        console.print(Text(reason.message, "red"))
        if reason.code in _ANSWERS:
            console.print(Text(f"The option for that is {_ANSWERS[reason.code]}."))
    if report.status == "stopped":
        console.print(Text("stopped: nothing was changed", "red"))
        return
    what = f"{report.status}: {report.files} {'file' if report.files == 1 else 'files'}"
    if report.steps:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.counts.items()))
        what += f"; {'to do' if report.dry_run else 'done'}: {counts}"
    console.print(Text(what, _COLOURS[report.status]))


def _table(report: SyncReport) -> Any:
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    table = Table("side", "what", "path", "from", "size")
    for step in report.steps:
        size = decimal(step.size) if step.kind in {"copy", "replace", "delete"} else ""
        cells = (step.side.upper(), _VERBS[step.kind], step.path, step.origin, size)
        table.add_row(*(Text(cell) for cell in cells))
    return table
