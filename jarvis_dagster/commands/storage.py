"""``jarvis storage``: what is stored, its versions, and the care for it.

Belongs here: options, help and what is printed. Does not belong here: what is
done (``services/storage``).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.storage.records import Version

__all__ = ["storage_app"]

storage_app = typer.Typer(
    help="Artifacts, models, data sets, logs and reports. ITEM is an id or a name.",
    no_args_is_help=True,
)
Kind = Annotated[
    str, typer.Option("--kind", "-k", help="artifacts, models, datasets, logs or reports.")
]
Component = Annotated[str | None, typer.Option(help="The component that stored it.")]
Item = Annotated[str, typer.Argument(help="An id, or a name together with --kind.")]
Number = Annotated[int, typer.Argument(help="The number of a version.", min=1)]


@storage_app.command()
def init() -> None:
    """Create the buckets that are missing; `jarvis up` has done so in its own store."""
    with _service() as service:
        service.ensure_buckets()
        typer.echo(f"There are the buckets {', '.join(service.config.buckets)}.")


@storage_app.command()
def ls(kind: Kind = "artifacts", component: Component = None, as_json: AsJson = False) -> None:
    """What is stored, newest first."""
    with _service() as service:
        items = service.list_stored(kind, component)
    if as_json:
        print_json(items)
        return
    print_table(
        ("id", "name", "version", "bytes", "stored", "component", "aliases"),
        [
            (
                item["id"],
                item["name"],
                item["version"],
                f"{item['size']:,}",
                f"{item['modified']:%Y-%m-%d}",
                item["component"] or "",
                " ".join(item["aliases"]),
            )
            for item in items
        ],
        nothing=f"No {kind} are stored.",
    )


@storage_app.command()
def put(
    file: Annotated[Path, typer.Argument(help="The file to store.")],
    kind: Kind = "artifacts",
    name: Annotated[str | None, typer.Option(help="Its name; else the file's.")] = None,
    component: Component = None,
) -> None:
    """Store a file as the next version of its name; prints its id."""
    with _service() as service, _display() as display:
        item_id = service.store(
            kind,
            file,
            component=component,
            name=name,
            progress=lambda done, total: display.update("Storing", done, total),
        )
    typer.echo(item_id)


@storage_app.command()
def get(
    item: Item,
    target: Annotated[Path, typer.Argument(help="The file to write.")],
    kind: Kind = "artifacts",
    component: Component = None,
) -> None:
    """Fetch a content into a file, verified."""
    with _service() as service, _display() as display:
        there = service.retrieve(
            _id(service, item, kind, component),
            target,
            progress=lambda done, total: display.update("Fetching", done, total),
        )
    if not there:
        typer.echo(f"{item} is in the trash. Get it back by `jarvis storage restore {item}`.")
        raise typer.Exit(1)


@storage_app.command()
def history(
    item: Item, kind: Kind = "models", component: Component = None, as_json: AsJson = False
) -> None:
    """Every version of a name, oldest first."""
    with _service() as service:
        item_id = _id(service, item, kind, component)
        versions = service.history(item_id)
        aliases = service.aliases(item_id)
    if as_json:
        print_json([version.to_json() for version in versions])
        return
    print_table(
        ("id", "version", "stored", "bytes", "aliases", "state"),
        [
            (
                version.id,
                version.number,
                f"{version.created:%Y-%m-%d %H:%M}",
                f"{version.size:,}",
                " ".join(name for name, at in aliases.items() if at == version.number),
                _state(version),
            )
            for version in versions
        ],
    )


@storage_app.command()
def diff(
    item: Item, a: Number, b: Number, kind: Kind = "models", component: Component = None
) -> None:
    """What version B changed compared with version A, as JSON."""
    with _service() as service:
        print_json(service.diff(_id(service, item, kind, component), a, b))


@storage_app.command()
def rollback(
    item: Item, version: Number, kind: Kind = "models", component: Component = None
) -> None:
    """Make an older version the newest again, as a version of its own."""
    with _service() as service:
        made = service.rollback(_id(service, item, kind, component), version)
    typer.echo(f"Version {made.number} is version {version} again ({made.id}).")


@storage_app.command()
def alias(
    name: Annotated[str, typer.Argument(help="The name whose alias it is.")],
    alias: Annotated[str, typer.Argument(help="The alias, such as champion.")],
    version: Annotated[
        int | None, typer.Argument(help="The version; without it the alias is removed.", min=1)
    ] = None,
    kind: Kind = "models",
    component: Component = None,
) -> None:
    """Point an alias at a version, in one step."""
    with _service() as service:
        service.set_alias(name, alias, version, kind=kind, component=component)


@storage_app.command()
def rm(item: Item, kind: Kind = "artifacts", component: Component = None) -> None:
    """Move a content to the trash; it can be restored for the grace period."""
    with _service() as service:
        item_id = _id(service, item, kind, component)
        moved = service.delete_artifact(item_id)
    typer.echo(
        f"In the trash. Get it back by `jarvis storage restore {item_id}`."
        if moved
        else "It was in the trash already."
    )


@storage_app.command()
def restore(item_id: Annotated[str, typer.Argument(help="The id.")]) -> None:
    """Take a content out of the trash."""
    with _service() as service:
        restored = service.restore_artifact(item_id)
    typer.echo("Restored." if restored else "It is not in the trash.")
    if not restored:
        raise typer.Exit(1)


@storage_app.command()
def pin(
    item_id: Annotated[str, typer.Argument(help="The id.")],
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
) -> None:
    """Keep a content whatever retention says."""
    with _service() as service:
        service.pin(item_id, not off)


@storage_app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Tell only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply retention, empty the trash after the grace period, remove leftovers."""
    from jarvis_dagster.services.storage.pruning import prune as run

    with _service() as service:
        found = list(run(service, dry_run=dry_run))
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    else:
        rows = [(one.how, one.url, f"{one.size:,}", one.why) for one in found]
        print_table(("what", "object", "bytes", "why"), rows)
        typer.echo("Nothing was changed." if dry_run or not found else f"{len(found)} done.")


@storage_app.command()
def verify(as_json: AsJson = False) -> None:
    """Read everything back; lists damage by name and exits with 1 if there is any."""
    from jarvis_dagster.services.storage.verification import verify as run

    with _service() as service, _display() as display:
        found = list(
            run(service, progress=lambda done, total: display.update("Reading", done, total))
        )
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    elif found:
        print_table(("object", "damage"), [(one.url, one.what) for one in found])
    else:
        typer.echo("Everything is as it was stored.")
    if found:
        raise typer.Exit(1)


@storage_app.command("rotate-key")
def rotate_key() -> None:
    """Wrap every data key by the first key of the settings; content is not rewritten."""
    from jarvis_dagster.services.storage.rotation import rotate_keys

    with _service() as service, _display() as display:
        done = rotate_keys(
            service, progress=lambda done, total: display.update("Wrapping keys", done, total)
        )
    typer.echo(f"{done.rewrapped} changed; the key {done.key} wraps them.")
    if done.failed:
        print_table(("object", "why it needs an old key"), done.failed)
        raise typer.Exit(1)


@storage_app.command("new-key")
def new_key() -> None:
    """Print a new key for `storage.encryption`. Who loses it loses what it encrypts."""
    from jarvis_dagster.services.storage.key_sources import new_key as make

    typer.echo(make())


def _service() -> AbstractContextManager[JarvisStorageService]:
    from contextlib import closing

    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    return closing(core_services(load_settings()).storage_service)


def _id(service: JarvisStorageService, item: str, kind: str, component: str | None) -> str:
    if service.catalogue.find(item) is not None:
        return item
    return service.resolve(item, kind=kind, component=component).id


def _display() -> Any:
    from jarvis_dagster.commands.display import Display

    return Display(terminal(stderr=True))


def _state(version: Version) -> str:
    words = []
    if version.rolled_back_to:
        words.append(f"is version {version.rolled_back_to} again")
    if version.pinned:
        words.append("pinned")
    if version.deleted:
        words.append(f"in the trash since {version.deleted:%Y-%m-%d}")
    return ", ".join(words)
