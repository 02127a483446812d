"""``jarvis ask``: questions about a game in plain words.

Belongs here: where the report is, and what is printed. Does not belong here: questions and answers
(``hockey/questions``), reports in the store (``components``).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.commands.printing import print_json, print_table
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ask"]

_HIDDEN = {"start_s", "end_s", "event_id"}
"""For programs alone: a table shows ``when``."""


def ask(question: str, game: str, console: Console, *, as_json: bool = False) -> None:
    """Print the answer.

    Args:
        game: ``report.json``, a folder that holds one, or the name of an analysed game.

    Raises:
        BadInputError: the question is not understood, or there is no such game.
        NotSupportedError: the footage does not tell.
    """
    path = Path(game)
    path = path / "report.json" if path.is_dir() else path
    found = _of_file(question, path) if path.is_file() else _of_store(question, game)
    if as_json:
        print_json(found)
        return
    console.print(found["text"], style="bold", markup=False, highlight=False, soft_wrap=True)
    rows = found["rows"]
    shown = [name for name in (rows[0] if rows else ()) if name not in _HIDDEN]
    shown = [name for name in shown if any(row[name] for row in rows)]
    if rows:
        print_table(shown, [[_cell(row[name]) for name in shown] for row in rows])
    heard = f"Understood as: {found['understood']}, of {found['video']}."
    if found["unused"]:
        heard += f" Not understood: {', '.join(found['unused'])}."
    console.print(heard, style="dim", markup=False, highlight=False, soft_wrap=True)


def _of_file(question: str, path: Path) -> dict[str, Any]:
    from jarvis_dagster.hockey.questions import answer, understand

    asked = understand(question)
    try:
        report = json.loads(path.read_text("utf-8"))
        if not str(report["schema_version"]).startswith("1."):
            raise ValueError(f"schema {report['schema_version']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{path} is no report of Jarvis ({error}).", "Name a report.json of a Results folder."
        ) from error
    return dataclasses.asdict(answer(report, asked))


def _of_store(question: str, game: str) -> dict[str, Any]:
    from jarvis_dagster.commands.platform import lent
    from jarvis_dagster.components import Watson
    from jarvis_dagster.hockey.questions import understand
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    understand(question)  # before servers are started for it
    settings = load_settings()
    with lent(settings), core_services(settings) as core:
        return Watson(core).ask(question, game)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):  # frames, half-open
        return f"{value[0]}\N{EN DASH}{value[1] - 1}" if len(value) == 2 else ""
    return str(value)
