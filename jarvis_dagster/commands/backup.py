"""``jarvis backup``: make, list, verify, restore and prune backups."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from jarvis_dagster.services.backup import JarvisBackupService
    from jarvis_dagster.services.backup.manifest import Snapshot
    from jarvis_dagster.settings import Settings

__all__ = ["backup_app"]

FAILED = 1

backup_app = typer.Typer(
    help="Make, list, verify, restore and prune backups.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


Place = Annotated[str | None, typer.Option(help="In place of the setting backup.place.")]
KeyFile = Annotated[
    Path | None, typer.Option(help="File that holds the key, in place of backup.key.")
]


@backup_app.command()
def create(
    first: Annotated[
        bool, typer.Option("--first", help="Begin anew where a backup was, and is gone.")
    ] = False,
    place: Place = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a snapshot of databases, files, settings and objects as they are now."""
    from jarvis_dagster.services.backup import passphrase

    settings = _settings(place, key_file)
    service = _service(settings)
    key = passphrase.key_file(settings.data_dir)
    had_key = settings.backup.key is not None or key.exists()
    with _object_store(settings), _shown("backup") as progress:
        made = service.create(first=first, progress=progress)
    console = _console(stderr=True)
    for note in made.notes:
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
    if not had_key:
        console.print(
            f"A key was made: {key}. Keep a copy of it elsewhere; nothing opens the backup"
            " without it.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    _print_snapshots([made], (), as_json=as_json)


@backup_app.command("list")
def list_(place: Place = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the snapshots, oldest first; exit code 1 if the manifest of one is damaged."""
    listed = _service(_settings(place, key_file)).snapshots()
    _print_snapshots(listed.snapshots, listed.damaged, as_json=as_json)
    if listed.damaged:
        raise typer.Exit(FAILED)


@backup_app.command()
def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Of the packs, look at names and sizes only.")
    ] = False,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Take away what is damaged; the next backup stores it again."),
    ] = False,
    place: Place = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Read everything back; exit code 1 if a byte is damaged or missing, which is named."""
    if quick and mend:
        raise BadInputError("--quick does not see all damage.", "Leave it out to mend.")
    service = _service(_settings(place, key_file))
    with _shown("verify") as progress:
        found = (
            service.mend(progress=progress)
            if mend
            else service.verify(quick=quick, progress=progress)
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        console = _console()
        for finding in found.findings:
            console.print(f"{finding.problem}: {finding.blob}", style="red", soft_wrap=True)
            for path in finding.paths:
                console.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"{found.snapshots} snapshots, {found.blobs} files, {_size(found.bytes_read)} read:"
            f" {len(found.findings) or 'nothing'} damaged or missing."
        )
    if found.findings:
        raise typer.Exit(FAILED)


@backup_app.command()
def restore(
    snapshot: Annotated[
        str, typer.Argument(help="The beginning of a snapshot's id, or `latest`.")
    ] = "latest",
    at: Annotated[
        datetime.datetime | None,
        typer.Option(help="The newest snapshot up to this time (UTC)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over what is there.")
    ] = False,
    place: Place = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring a snapshot back into this installation, which must be stopped and empty."""
    from jarvis_dagster.services.backup.passphrase import keep_passphrase

    settings = _settings(place, key_file)
    _require_stopped(settings)
    service = _service(settings)
    moment = at.replace(tzinfo=datetime.UTC) if at and at.tzinfo is None else at
    chosen = service.choose(snapshot, at=moment)
    with _object_store(settings), _shown("restore") as progress:
        done = service.restore(chosen, overwrite=overwrite, progress=progress)
    if key_file is not None and settings.backup.key is not None:
        keep_passphrase(settings.data_dir, settings.backup.key)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done), indent=2, default=str))
    else:
        console = _console()
        for path, reason in done.failed:
            console.print(f"Not restored: {path}: {reason}", style="red", soft_wrap=True)
        console.print(
            f"{done.entries} files, databases and objects of {chosen.id} are back and were read"
            f" back: {_size(done.size)}, each the same as in the backup."
        )
        if done.settings is not None:
            console.print(
                f"The settings files are in {done.settings}; compare them with yours.",
                soft_wrap=True,
            )
    if done.failed:
        raise typer.Exit(FAILED)


@backup_app.command()
def prune(
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Id of a snapshot to remove, in place of following the rules."),
    ] = None,
    place: Place = None,
    key_file: KeyFile = None,
) -> None:
    """Remove snapshots that backup.retention does not keep, and what only they needed."""
    done = _service(_settings(place, key_file)).prune(drop=drop or ())
    for snapshot_id in done.removed:
        typer.echo(snapshot_id)
    _console(stderr=True).print(
        f"{len(done.removed)} snapshots removed, {_size(done.freed_bytes)} freed."
    )


def _settings(place: str | None, key_file: Path | None) -> Settings:
    from pydantic import SecretStr

    from jarvis_dagster.services.backup import BackupConfig
    from jarvis_dagster.services.files import readable_file
    from jarvis_dagster.settings import load_settings

    settings = load_settings()
    changed: dict[str, Any] = {}
    if place is not None:
        changed["place"] = place
        if not place.startswith("s3://"):
            changed["s3"] = None
    if key_file is not None:
        changed["key"] = SecretStr(readable_file(key_file).read_text("utf-8").strip())
    if not changed:
        return settings
    try:
        backup = BackupConfig.model_validate({**dict(settings.backup), **changed})
    except ValueError as error:
        raise BadInputError(f"--place or --key-file cannot be used ({error}).") from None
    return settings.model_copy(update={"backup": backup})


def _service(settings: Settings) -> JarvisBackupService:
    from jarvis_dagster.wiring import backup_service

    return backup_service(settings)


def _object_store(settings: Settings) -> contextlib.AbstractContextManager[None]:
    """Have the embedded object store answer; one of its own needs nothing."""
    if settings.storage is not None:
        return contextlib.nullcontext()
    from jarvis_dagster.stack import borrowed

    return borrowed(settings.stack, ["object-store"])


def _require_stopped(settings: Settings) -> None:
    from jarvis_dagster.stack import stack_status

    running = [
        row.program
        for row in stack_status(settings.stack)
        if row.pid and row.program != "object-store"
    ]
    if running:
        raise BadInputError(
            f"The stack is running ({', '.join(running)}); it would write into what is restored.",
            "Stop it with `jarvis down`, then restore.",
        )


@contextlib.contextmanager
def _shown(step: str) -> Iterator[Callable[[int, int], None]]:
    from jarvis_dagster.commands.display import Display

    with Display(_console(stderr=True)) as display:
        yield lambda done, total: display.update(step, done, total)


def _print_snapshots(snapshots: Any, damaged: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        rows = [_row(snapshot) for snapshot in snapshots]
        rows += [{"id": one, "damaged": True} for one in damaged]
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Column, Table

    table = Table(Column("snapshot", no_wrap=True), "made (UTC)", "entries", "size", "added")
    for one in snapshots:
        table.add_row(
            one.id,
            f"{one.created:%Y-%m-%d %H:%M:%S}",
            str(one.entries),
            _size(one.size),
            _size(one.new_bytes),
        )
    for name in damaged:
        table.add_row(name, "[red]its manifest is damaged[/]", "", "", "")
    _console().print(table)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "created": snapshot.created.isoformat(),
        "entries": snapshot.entries,
        "size": snapshot.size,
        "new_bytes": snapshot.new_bytes,
        "notes": list(snapshot.notes),
    }


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count} B"
        count = count / 1000  # type: ignore[assignment]
    return f"{count:.1f} TB"
