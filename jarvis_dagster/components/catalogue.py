"""The games that were analysed, by their reports in the store.

Belongs here: finding and reading them. Does not belong here: what is made of them (``holmes``,
``watson``).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["game_keys", "one_game", "read_report"]

_REPORT = "/game_report/report.json"
_SHOWN = 5


def game_keys(core: JarvisCoreServices) -> list[str]:
    """The key of each game with a report, sorted: the name of its video and a part of its hash."""
    found = core.storage_service.versions_of("artifacts/")
    return [key.split("/")[1] for key in found if key.endswith(_REPORT)]


def read_report(core: JarvisCoreServices, key: str) -> dict[str, Any]:
    """What ``report.json`` of a game holds.

    Raises:
        PermanentError: there is none.
    """
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "report.json"
        core.storage_service.get_file(f"artifacts/{key}{_REPORT}", path)
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


def one_game(core: JarvisCoreServices, name: str) -> str:
    """The key of the one game whose key or video begins with ``name``.

    Raises:
        BadInputError: there is none, or more than one.
    """
    keys = game_keys(core)
    found = [key for key in keys if key == name] or [key for key in keys if key.startswith(name)]
    if len(found) == 1:
        return found[0]
    some = ", ".join((found or keys)[:_SHOWN]) or "none yet"
    if not name and found:
        raise BadInputError(f"Which of the {len(found)} games?", f"Name one, such as: {some}.")
    if found:
        raise BadInputError(f"{name!r} begins the name of {len(found)} games.", f"Such as: {some}.")
    raise BadInputError(f"No game {name!r} has been analysed.", f"There are: {some}.")
