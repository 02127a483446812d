"""``jarvis backup``: make, list, verify, restore and prune backups."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.backup_report import (
    print_pruned,
    print_restored,
    print_snapshots,
    print_verified,
    say,
)
from jarvis_dagster.commands.platform import lent
from jarvis_dagster.commands.printing import AsJson, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.backup import JarvisBackupService
    from jarvis_dagster.settings import Settings

__all__ = ["backup_app"]

FAILED = 1

backup_app = typer.Typer(
    help="Make, list, verify, restore and prune backups.", no_args_is_help=True
)


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
    with lent(settings), _shown("Backing up") as progress:
        made = service.create(first=first, progress=progress)
    for note in made.notes:
        say(f"Note: {note}", stderr=True)
    if not had_key:
        say(
            f"A key was made: {key}. Keep a copy of it elsewhere; nothing opens the backup"
            " without it.",
            stderr=True,
        )
    print_snapshots([made], as_json=as_json)


@backup_app.command("list")
def list_(place: Place = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the snapshots, oldest first; exit code 1 if the manifest of one is damaged."""
    listed = _service(_settings(place, key_file)).snapshots()
    print_snapshots(listed.snapshots, listed.damaged, as_json=as_json)
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
    with _shown("Reading back") as progress:
        found = (
            service.mend(progress=progress)
            if mend
            else service.verify(quick=quick, progress=progress)
        )
    print_verified(found, as_json=as_json)
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
    with lent(settings), _shown("Restoring (MB)", per=1_000_000) as progress:
        done = service.restore(chosen, overwrite=overwrite, progress=progress)
    if key_file is not None and settings.backup.key is not None:
        keep_passphrase(settings.data_dir, settings.backup.key)
    print_restored(done, as_json=as_json)
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
    print_pruned(_service(_settings(place, key_file)).prune(drop=drop or ()))


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
        raise BadInputError(
            f"--place or --key-file cannot be used ({error}).",
            "See `jarvis backup --help` for what they may be.",
        ) from None
    return settings.model_copy(update={"backup": backup})


def _service(settings: Settings) -> JarvisBackupService:
    from jarvis_dagster.wiring import backup_service

    return backup_service(settings)


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
def _shown(title: str, *, per: int = 1) -> Iterator[Callable[[int, int], None]]:
    from jarvis_dagster.commands.display import Display

    with Display(terminal(stderr=True)) as display:
        yield lambda done, total: display.update(title, -(-done // per), -(-total // per))
