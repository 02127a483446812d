"""What commands print: tables, JSON, lines.

Belongs here: the form. Does not belong here: what is told (each command says that), progress
(``display.py``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

__all__ = ["AsJson", "print_json", "print_table", "printable", "terminal"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def terminal(*, stderr: bool = False) -> Console:
    """The terminal as it is now; results go to its output, all else to its errors."""
    from rich.console import Console

    return Console(stderr=stderr)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    nothing: str = "",
) -> None:
    """Print rows of anything, as the text that it is; an ``id`` stays in one piece.

    Args:
        rows: Cells; a ``rich.text.Text`` keeps its style.
        nothing: Said in place of a table without rows, which is not printed.
    """
    from rich.table import Column, Table
    from rich.text import Text

    cells = [
        [cell if isinstance(cell, Text) else Text(printable(str(cell))) for cell in row]
        for row in rows
    ]
    if not cells:
        if nothing:
            terminal().print(nothing, highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(*(Column(name, overflow="fold") for name in columns), title=title)
    for number, column in enumerate(table.columns):
        if column.header == "id":  # is copied into the next command
            column.no_wrap = True
            column.min_width = max((len(row[number]) for row in cells), default=0)
    for row in cells:
        table.add_row(*row)
    terminal().print(table)


def printable(text: str) -> str:
    """What strangers wrote, as in a name, without what would steer a terminal."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode()
        for sign in text
    )


def print_json(content: Any) -> None:
    """Print a document for programs; what JSON does not know becomes text."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
