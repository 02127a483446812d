"""``jarvis drive search`` and ``jarvis drive index``: find files by what they say.

Belongs here: what is printed, and which drives are indexed. Does not belong
here: options and help (``drive.py``), searching itself (the client storage
service).
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, JarvisError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.text import Text

    from jarvis_dagster.services.client_storage import JarvisClientStorageService
    from jarvis_dagster.services.client_storage.search import (
        Hit,
        IndexReport,
        IndexStatus,
        SearchConfig,
        SearchIndex,
    )

__all__ = ["index_drives", "search_drives", "show_index"]


def search_drives(
    index: SearchIndex,
    query: str,
    console: Console,
    *,
    drive: str | None = None,
    asker: str | None = None,
    folder: str | None = None,
    kinds: Sequence[str] | None = None,
    limit: int = 20,
    as_json: bool = False,
) -> bool:
    """Print the hits, the best first; whether there were any.

    Args:
        asker: The e-mail address of the person whose view it is; None is the operator.
    """
    _require_known(index, drive)
    hits = index.search(query, asker=asker, drive=drive, folder=folder, kinds=kinds, limit=limit)
    if as_json:
        _print_json(console, [_as_dict(hit) for hit in hits])
        return bool(hits)
    for hit in hits:
        console.print(_shown(hit), soft_wrap=True)
    console.print(_last_line(index.status(), len(hits), limit), style="dim", markup=False)
    return bool(hits)


def index_drives(
    service: JarvisClientStorageService,
    index: SearchIndex,
    console: Console,
    *,
    drives: Sequence[str] | None = None,
    config: SearchConfig | None = None,
    full: bool = False,
    retry: bool = False,
    verify: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> bool:
    """Bring the index up to what the drives hold now; whether that worked for all of them.

    A drive that fails does not stop the others. Without ``drives`` all drives of
    the settings are indexed, and those that are no longer there leave the index.

    Args:
        progress: Called with a drive's name, and files done and in all.

    Raises:
        ConflictError: the drives are being indexed already.
    """
    from jarvis_dagster.services.client_storage.search import index_drive

    well = True
    for name in drives or sorted(service.config.drives):
        try:
            report = index_drive(
                index,
                name,
                service.drive(name),
                config=config,
                full=full,
                retry=retry,
                verify=verify,
                progress=functools.partial(progress, name) if progress else None,
            )
        except ConflictError:
            raise
        except JarvisError as error:
            well = False
            console.print(f"{name}: {error}", style="red", markup=False, soft_wrap=True)
        else:
            console.print(_told(report), markup=False, soft_wrap=True)
        verify = False  # once is enough
    if not drives:
        _forget_others(index, set(service.config.drives), console)
    return well


def show_index(index: SearchIndex, console: Console, *, as_json: bool = False) -> None:
    """Print what is in the index, and which files could not be read and why."""
    from rich.table import Table
    from rich.text import Text

    status = index.status()
    if as_json:
        _print_json(console, dataclasses.asdict(status))
        return
    table = Table("drive", "indexed", "files", "with text", "unreadable", "to be tried again")
    for drive in status.drives:
        numbers = (drive.files, drive.with_text, drive.unreadable, drive.waiting)
        table.add_row(
            Text(drive.drive), _ago(drive.indexed), *(f"{number:,}" for number in numbers)
        )
    console.print(table)
    for problem in status.problems:
        again = " It is tried again." if problem.will_retry else ""
        line = f"{problem.drive}:{problem.path} {problem.reason}.{again}"
        console.print(_plain(line), markup=False, soft_wrap=True, highlight=False)


def _forget_others(index: SearchIndex, names: set[str], console: Console) -> None:
    with index.writing() as store:
        for name in store.drives.names():
            if name not in names:
                store.forget_drive(name)
                console.print(f"{name}: is no longer in the settings; forgotten.", markup=False)


def _require_known(index: SearchIndex, drive: str | None) -> None:
    known = [status.drive for status in index.status().drives]
    if drive is not None and drive not in known:
        raise BadInputError(
            f"No drive named {drive!r} was indexed.", f"There are: {', '.join(known) or 'none'}."
        )


def _shown(hit: Hit) -> Text:
    from rich.text import Text

    text = Text(_plain(f"{hit.drive}:{hit.path}"), style="bold")
    text.append(f"  {hit.modified.astimezone():%Y-%m-%d}", style="not bold dim")
    if hit.snippet:
        text.append("\n    ")
        snippet = Text(_plain(hit.snippet), style="not bold")
        for start, end in hit.marks:
            snippet.stylize("bold yellow", start, end)
        text.append_text(snippet)
    return text


def _last_line(status: IndexStatus, count: int, limit: int) -> str:
    found = "Nothing was found" if not count else f"{count} hit" + ("s" if count > 1 else "")
    more = ", the first ones" if count == limit else ""
    ages = ", ".join(f"{drive.drive} {_ago(drive.indexed)}" for drive in status.drives)
    return f"{found}{more}. Indexed: {ages or 'no drive yet'}."


def _told(report: IndexReport) -> str:
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (report.added, "new"),
            (report.updated, "changed"),
            (report.renamed, "renamed or moved"),
            (report.removed, "gone"),
            (report.readers_changed, "with other readers"),
        )
        if number
    ]
    line = f"{report.drive}: {', '.join(parts) or 'nothing changed'} ({report.seconds:.1f} s)."
    if report.failed:
        line += f" {len(report.failed):,} cannot be read: `jarvis drive index --status`."
    if report.waiting:
        line += f" {len(report.waiting):,} are tried again by the next run."
    return line


def _ago(moment: datetime.datetime | None) -> str:
    if moment is None:
        return "never"
    seconds = (datetime.datetime.now(datetime.UTC) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _as_dict(hit: Hit) -> dict[str, Any]:
    return {**dataclasses.asdict(hit), "modified": hit.modified.isoformat()}


def _plain(text: str) -> str:
    """Names in drives may hold what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _print_json(console: Console, document: object) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    console.out(text, highlight=False)
