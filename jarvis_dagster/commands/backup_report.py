"""What ``jarvis backup`` prints.

Belongs here: tables, sentences and JSON of its results. Does not belong here:
options and exit codes (``backup.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.commands.printing import print_json, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.services.backup.garbage import Pruned
    from jarvis_dagster.services.backup.manifest import Snapshot
    from jarvis_dagster.services.backup.restore import Restored
    from jarvis_dagster.services.backup.verify import Verified

__all__ = ["print_pruned", "print_restored", "print_snapshots", "print_verified", "say"]


def print_snapshots(
    snapshots: Sequence[Snapshot], damaged: Sequence[str] = (), *, as_json: bool
) -> None:
    """The snapshots, and those whose manifest is damaged."""
    if as_json:
        print_json(
            [_row(one) for one in snapshots] + [{"id": one, "damaged": True} for one in damaged]
        )
        return
    from rich.table import Column, Table

    numbers = (Column(name, justify="right") for name in ("entries", "size", "added"))
    table = Table(Column("snapshot", no_wrap=True), "made (UTC)", *numbers, box=None)
    for one in snapshots:
        made = f"{one.created:%Y-%m-%d %H:%M}"
        table.add_row(one.id, made, str(one.entries), _size(one.size), _size(one.new_bytes))
    for name in damaged:
        table.add_row(name, "[red]its manifest is damaged[/]", "", "", "")
    terminal().print(table)


def print_verified(found: Verified, *, as_json: bool) -> None:
    """What was read, and each damaged or missing part with what it concerns."""
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    for finding in found.findings:
        say(f"{finding.problem}: {finding.blob}", style="red")
        for path in finding.paths:
            say(f"  {path}")
    say(
        f"{found.snapshots} snapshots, {found.blobs} files, {_size(found.bytes_read)} read:"
        f" {len(found.findings) or 'nothing'} damaged or missing."
    )


def print_restored(done: Restored, *, as_json: bool) -> None:
    """What is back, and what could not be."""
    if as_json:
        print_json(dataclasses.asdict(done))
        return
    for path, reason in done.failed:
        say(f"Not restored: {path}: {reason}", style="red")
    say(
        f"{done.entries} files, databases and objects of {done.snapshot} are back"
        f" ({_size(done.size)}). Each was read back and is the same as in the backup."
    )
    if done.settings is not None:
        say(f"The settings files are in {done.settings}; compare them with yours.")


def print_pruned(done: Pruned) -> None:
    """The ids that were removed, and how much that freed."""
    for snapshot_id in done.removed:
        say(snapshot_id)
    say(f"{len(done.removed)} snapshots removed, {_size(done.freed_bytes)} freed.", stderr=True)


def say(text: str, *, style: str = "", stderr: bool = False) -> None:
    """One line, as it is: names of files are no markup."""
    terminal(stderr=stderr).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "created": snapshot.created.isoformat(),
        "entries": snapshot.entries,
        "size": snapshot.size,
        "new_bytes": snapshot.new_bytes,
        "notes": list(snapshot.notes),
    }


def _size(count: int) -> str:
    from rich.filesize import decimal

    return decimal(count)
