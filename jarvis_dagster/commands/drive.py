"""``jarvis drive``: the drives of the settings, from the command line.

Belongs here: options, help and what is printed. Does not belong here: what is
done (``drive_files``, the client storage service).
"""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.commands.sync import sync_command
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage import DriveFile, JarvisClientStorageService
    from jarvis_dagster.services.client_storage.address import Address

__all__ = ["drive_app"]

drive_app = typer.Typer(
    help="Files in the drives. A place is NAME:PATH, as in club:Results; without NAME it is in"
    " the watched drive.",
    no_args_is_help=True,
)
Place = Annotated[str, typer.Argument(help="NAME:PATH of a file or folder.")]
Role = Annotated[str, typer.Option(help="What they may do: reader, commenter or writer.")]


@drive_app.command()
def status(as_json: AsJson = False) -> None:
    """The drives of the settings: whether each can be used, and how full it is."""
    from jarvis_dagster.commands.drive_files import states

    found = list(states(_service()))
    if as_json:
        print_json([dataclasses.asdict(state) for state in found])
    else:
        rows = [
            (
                state.name,
                state.kind,
                state.error or "ready",
                _bytes(state.quota.used) if state.quota else "",
                _bytes(state.quota.free) if state.quota else "",
                state.remedy,
            )
            for state in found
        ]
        print_table(("drive", "kind", "state", "used", "free", "what to do"), rows)
    if any(state.error for state in found):
        raise typer.Exit(1)


@drive_app.command()
def login(name: Annotated[str, typer.Argument(help="The drive's name in the settings.")]) -> None:
    """Sign in to a drive; the session is kept for the sensor and all commands."""
    from jarvis_dagster.commands.drive_login import sign_in

    sign_in(_service(), name, terminal(stderr=True))
    typer.echo(f"Signed in to {name}.")


@drive_app.command()
def ls(
    place: Annotated[str, typer.Argument(help="NAME:PATH of a folder.")] = "",
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="With all that is below it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a folder."""
    from jarvis_dagster.commands.drive_files import listing

    service = _service()
    files = listing(service, _address(service, place), recursive=recursive)
    if as_json:
        print_json([dataclasses.asdict(file) for file in files])
        return
    rows = [
        (
            f"{file.path}/" if file.is_folder else file.path,
            "" if file.is_folder else _bytes(file.size),
            f"{file.modified.astimezone():%Y-%m-%d %H:%M}",
        )
        for file in files
    ]
    print_table(("path", "size", "changed"), rows, nothing="The folder is empty.")


@drive_app.command()
def get(
    place: Place,
    target: Annotated[Path, typer.Argument(help="The folder to put it in.")] = Path(),
) -> None:
    """Fetch a file or a whole folder; nothing on this machine is overwritten."""
    from jarvis_dagster.commands import drive_files
    from jarvis_dagster.commands.display import Display

    service = _service()
    console = terminal(stderr=True)
    with Display(console) as display:
        paths, failed = drive_files.get(
            service,
            _address(service, place),
            target,
            lambda done, total: display.update("fetch", done, total),
        )
    for path in paths:
        typer.echo(path)
    for line in failed:
        console.print(line, style="red", markup=False)
    if failed:
        raise typer.Exit(1)


@drive_app.command()
def put(
    sources: Annotated[list[Path], typer.Argument(help="Files and folders of this machine.")],
    to: Annotated[str, typer.Option("--to", help="NAME:PATH of the folder to put them in.")],
) -> None:
    """Put files and folders into a drive; nothing there is overwritten."""
    from jarvis_dagster.commands import drive_files
    from jarvis_dagster.commands.display import Display

    service = _service()
    with Display(terminal(stderr=True)) as display:
        sent = drive_files.put(
            service,
            sources,
            _address(service, to),
            lambda done, total: display.update("send", done, total),
        )
    for file in sent:
        typer.echo(file.path)


@drive_app.command()
def share(
    place: Place,
    people: Annotated[list[str] | None, typer.Argument(help="E-mail addresses.")] = None,
    role: Role = "reader",
    until: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day of it; without it, for good."),
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Whoever has the link, instead.")] = False,
) -> None:
    """Give people access to a file or folder, or make a link to it."""
    if bool(people) == link:
        raise BadInputError("Name people, or --link.", "See `jarvis drive share --help`.")
    service = _service()
    address = _address(service, place)
    file = _existing(service, address)
    ends = (until + datetime.timedelta(days=1)).astimezone() if until else None
    for given in service.share(address.drive, file.id, people or (), role, expires=ends):
        typer.echo(given.link or f"{given.who} is a {given.role} of {file.path}.")


@drive_app.command()
def unshare(
    place: Place,
    people: Annotated[list[str], typer.Argument(help="E-mail addresses; `link` for the link.")],
) -> None:
    """Take access back."""
    service = _service()
    address = _address(service, place)
    file = _existing(service, address)
    taken = service.unshare(address.drive, file.id, people)
    if not taken:
        raise BadInputError(
            f"None of them was given access to {file.path} itself.",
            f"`jarvis drive who {address}` shows who sees it and from where.",
        )
    for permission in taken:
        typer.echo(f"{permission.who or 'The link'} no longer opens {file.path}.")


@drive_app.command()
def who(
    place: Annotated[str, typer.Argument(help="NAME:PATH.")] = "", as_json: AsJson = False
) -> None:
    """Who sees a file, or each file of a folder."""
    from jarvis_dagster.commands.drive_files import find

    service = _service()
    address = _address(service, place)
    drive, file = find(service, address)
    entries = [] if file is None else [(file, tuple(drive.permissions(file.id)))]
    if file is None or file.is_folder:
        below = service.who_sees(address.drive, file.id if file else None)
        entries += [(access.file, access.permissions) for access in below]
    if as_json:
        print_json(
            [
                {"path": file.path, **dataclasses.asdict(permission)}
                for file, permissions in entries
                for permission in permissions
            ]
        )
        return
    rows = [
        (
            file.path,
            permission.who or permission.kind,
            permission.role,
            f"{permission.expires.astimezone():%Y-%m-%d}" if permission.expires else "",
            "folder above" if permission.inherited else "",
        )
        for file, permissions in entries
        for permission in permissions
    ]
    print_table(("path", "who", "may", "until", "from"), rows, nothing="Nobody else has access.")


@drive_app.command()
def search(
    query: Annotated[
        str, typer.Argument(help='Words, "a phrase", start*, -without; all have to be there.')
    ],
    drive: Annotated[str | None, typer.Option(help="Only this drive.")] = None,
    asker: Annotated[
        str | None, typer.Option("--as", help="Show only what this person may see (e-mail).")
    ] = None,
    folder: Annotated[str | None, typer.Option(help="Only below this folder.")] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--type", help="images, videos, documents, datasets, or .ext."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most hits.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Search names and texts of the drives; exit code 1 without hits."""
    from jarvis_dagster.commands.search import search_drives
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import search_index

    found = search_drives(
        search_index(load_settings()),
        query,
        terminal(),
        drive=drive,
        asker=asker,
        folder=folder,
        kinds=kinds,
        limit=limit,
        as_json=as_json,
    )
    if not found:
        raise typer.Exit(1)


@drive_app.command()
def index(
    drives: Annotated[list[str] | None, typer.Argument(help="Only these drives.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="List everything again, instead of what changed.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Read again what could not be read.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the whole index first, to find damage.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--status", help="Change nothing: show what is in the index.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the search index up to date with the drives."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.search import index_drives, show_index
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import search_index

    there = search_index(load_settings())
    if show:
        show_index(there, terminal(), as_json=as_json)
        return
    console = terminal(stderr=True)
    service = _service()
    with Display(console) as display:
        well = index_drives(
            service,
            there,
            console,
            drives=drives,
            config=service.config.search,
            full=full,
            retry=retry,
            verify=verify,
            progress=lambda name, done, total: display.update(f"Indexing {name}", done, total),
        )
    if not well:
        raise typer.Exit(1)


drive_app.command("sync")(sync_command)


def _service() -> JarvisClientStorageService:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    return core_services(load_settings()).client_storage_service


def _address(service: JarvisClientStorageService, text: str) -> Address:
    from jarvis_dagster.services.client_storage.address import Address
    from jarvis_dagster.settings import load_settings

    return Address.parse(text, load_settings().drive.name, set(service.config.drives))


def _existing(service: JarvisClientStorageService, address: Address) -> DriveFile:
    from jarvis_dagster.commands.drive_files import find

    file = find(service, address)[1]
    if file is None:
        raise BadInputError(
            f"{address} is the whole drive.", "Name a folder in it, or share it at the provider."
        )
    return file


def _bytes(count: int | None) -> str:
    from rich.filesize import decimal

    return "unlimited" if count is None else decimal(count)
