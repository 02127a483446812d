"""``jarvis drive sync``: two folders brought in step, from the command line.

Belongs here: options, which folders are meant, where their state is, what is
printed. Does not belong here: the synchronisation.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Synchroniser", "print_report", "sync_command"]

FAILED = 1
Folder = Annotated[
    str,
    typer.Argument(
        help="NAME:PATH in a drive, s3://bucket/prefix, or a folder here that begins with"
        " / or ./ or ~."
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Bring two folders in step, both ways; exit code 1 unless both hold the same."""
    from rich.console import Console

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.services.client_storage.sync import Filter, SyncOptions
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    limit = None if max_mb is None else int(max_mb * 1_000_000)
    with Display(Console(stderr=True)) as display:
        options = SyncOptions(
            filter=Filter(tuple(include or ()), tuple(exclude or ()), limit),
            dry_run=dry_run,
            force_deletes=force_deletes,
            allow_empty=allow_empty,
            accept_missing_marker=accept_missing_marker,
            restart=restart,
            progress=lambda done, total: display.update("Synchronising", done, total),
        )
        report = Synchroniser(core_services(settings), settings.drive.name).run(a, b, options)
    print_report(report, Console(), as_json=as_json)
    if report.status != "ok":
        raise typer.Exit(FAILED)


@dataclasses.dataclass(frozen=True)
class _Place:
    """A folder as it was named: ``NAME:PATH``, ``s3://bucket/prefix`` or a path here."""

    name: str
    kind: str

    @property
    def start(self) -> str:
        """What the names of all places in it begin with."""
        return self.name if self.name.endswith(":") else f"{self.name}/"


class Synchroniser:
    """Brings folders in step that are named on the command line.

    Args:
        core: The core services.
        default_drive: The drive of a place without ``NAME:``.
    """

    def __init__(self, core: JarvisCoreServices, default_drive: str) -> None:
        self._core = core
        self._service = core.client_storage_service
        self._default = default_drive
        config = self._service.config
        self._states = (config.state_dir or config.import_dir / ".drives") / ".sync"

    def run(self, a: str, b: str, options: SyncOptions) -> SyncReport:
        """Bring two folders in step.

        Args:
            a: ``NAME:PATH`` in a drive, ``s3://bucket/prefix``, or a folder of this
                machine that begins with ``/``, ``./``, ``../`` or ``~``.
            b: Another one.
            options: What takes part, and what to do in spite of a doubt.

        Raises:
            BadInputError: a folder is not there, or one is in the other.
        """
        from jarvis_dagster.services.client_storage.sync import sync

        places = (self._place(a), self._place(b))
        _refuse_nested(*(place.start for place in places))
        state = self.state_of(a, b)
        first = not state.exists() and not options.dry_run
        mine, yours = (self._side(place, state, make=first) for place in places)
        _refuse_nested(_root(mine) or places[0].start, _root(yours) or places[1].start)
        return sync(mine, yours, state=state, options=options)

    def state_of(self, a: str, b: str) -> Path:
        """The file of what these two agreed on."""
        names = sorted((self._place(a).name, self._place(b).name))
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
        return self._states / f"{digest[:16]}.sqlite"

    def _place(self, text: str) -> _Place:
        from jarvis_dagster.commands.drive_files import Address

        if text.startswith("s3://"):
            return _Place(text.rstrip("/"), "store")
        if text in {".", "..", "~"} or text.startswith(("/", "./", "../", "~/")):
            return _Place(str(Path(text).expanduser().resolve()), "folder")
        known = set(self._service.config.drives)
        return _Place(str(Address.parse(text, self._default, known)), "drive")

    def _side(self, place: _Place, state: Path, *, make: bool) -> Side:
        if place.kind == "folder":
            return self._local_side(place, state, make=make)
        if place.kind == "store":
            return self._store_side(place, state)
        from jarvis_dagster.services.client_storage.sync import Side

        name, _, path = place.name.partition(":")
        drive = self._service.drive(name)
        if not path:
            return Side(drive, name=place.name)
        found = drive.find(path)
        if found is None and make:
            folder_id: str | None = None
            for part in path.split("/"):
                folder_id = drive.create_folder(part, folder_id).id
            return Side(drive, folder_id, place.name)
        if found is None or not found.is_folder:
            raise BadInputError(
                f"There is no folder {place.name}.",
                "Check the name; the first run that is not a dry run makes it.",
            )
        return Side(drive, found.id, place.name)

    def _local_side(self, place: _Place, state: Path, *, make: bool) -> Side:
        from jarvis_dagster.services.client_storage import LocalFolderDrive
        from jarvis_dagster.services.client_storage.sync import Side

        if not make and not Path(place.name).is_dir():
            raise BadInputError(
                f"There is no folder {place.name}.", "Check that its disk is connected."
            )
        return Side(LocalFolderDrive(Path(place.name), _known(place, state)), name=place.name)

    def _store_side(self, place: _Place, state: Path) -> Side:
        from jarvis_dagster.services.client_storage.sync import Side
        from jarvis_dagster.services.client_storage.sync.store_drive import StoreDrive

        bucket, _, prefix = place.name.removeprefix("s3://").partition("/")
        drive = StoreDrive(
            self._core.storage_service, bucket, prefix, state_dir=_known(place, state)
        )
        return Side(drive, name=place.name)


def _known(place: _Place, state: Path) -> Path:
    """Where what is known of the files of a place is kept."""
    return state.parent / hashlib.sha256(place.name.encode()).hexdigest()[:16]


def _root(side: Side) -> str:
    """Where a side is on this machine; empty if it is elsewhere."""
    from jarvis_dagster.services.client_storage import LocalFolderDrive

    if not isinstance(side.drive, LocalFolderDrive):
        return ""
    return f"{(side.drive.root / (side.folder_id or '')).resolve()}/"


def _refuse_nested(one: str, another: str) -> None:
    if one.startswith(another) or another.startswith(one):
        raise BadInputError(
            f"{one} and {another} are one folder, or one is in the other.",
            "Name two folders that are apart.",
        )


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
    for problem in report.failures:
        console.print(Text(f"{problem.path}: {problem.message}", "red"))
    for path in report.changed:
        console.print(Text(f"{path} was changed meanwhile; the next run looks at it.", "yellow"))
    for reason in report.reasons:
        console.print(Text(reason.message, "red"))
    what = f"{report.status}: {report.files} files"
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
