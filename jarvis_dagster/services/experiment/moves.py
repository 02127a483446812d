"""The history of a model's aliases, kept as tags of the model.

Belongs here: what a move is, as text, and what was there before. Does not belong here: making
a move (``models.py``).
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["MOST_WHY", "NOTHING", "Move", "before", "check_alias", "new_key", "read", "under_way"]

_PREFIX = "jarvis.move."
_LONGEST = timedelta(minutes=1)
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,60}")
MOST_WHY = 1000
"""Characters of a reason; MLflow refuses long tags."""
NOTHING: Final = ""
"""There is no earlier state; None is the state without the alias."""


@dataclasses.dataclass(frozen=True)
class Move:
    """An alias that moved.

    Attributes:
        at: ISO time, UTC.
        came_from: The version before; None where the alias was not set.
        how: ``set``, ``promotion`` or ``rollback``.
        decision: The id of the decision record of a promotion.
    """

    at: str
    alias: str
    came_from: str | None
    to: str | None
    by: str
    why: str
    how: str = "set"
    decision: str = ""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))


def check_alias(alias: str) -> None:
    """Refuse what MLflow would take for a version or cannot keep."""
    if not _ALIAS.fullmatch(alias) or re.fullmatch(r"v\d+|latest", alias):
        raise BadInputError(
            f"{alias[:60]!r} cannot be an alias.", "Use lower-case letters, digits, - and _."
        )


def new_key() -> str:
    """The tag of the next move: in order of time, and of nobody else's."""
    return f"{_PREFIX}{time.time_ns():020d}.{secrets.token_hex(4)}"


def read(tags: Mapping[str, str]) -> list[Move]:
    """The moves in a model's tags, oldest first."""
    own = sorted((key, text) for key, text in tags.items() if key.startswith(_PREFIX))
    return [Move(**json.loads(text)) for _, text in own]


def under_way(alias: str, moves: Iterable[Move], now: str | None) -> bool:
    """Whether somebody has recorded a move of ``alias`` and may be about to make it.

    Args:
        moves: The moves of the model, oldest first.
        now: Where the alias points. A record of another place that is older than a minute is
            no move under way: the alias was moved in MLflow itself, or its process was killed.
    """
    own = [move for move in moves if move.alias == alias]
    if not own or own[-1].to == now:
        return False
    return datetime.now(UTC) - datetime.fromisoformat(own[-1].at) < _LONGEST


def before(moves: Iterable[Move], now: str | None) -> str | None:
    """Where an alias was before the last move that no rollback has undone.

    Args:
        moves: The moves of that alias, oldest first.
        now: Where it is; another place than the last move led to means that it was moved
            in MLflow itself, and the last move is what came before.

    Returns:
        A version, None for no version, or ``NOTHING``.
    """
    trail: list[str | None] = []
    last: Move | None = None
    for move in moves:
        if move.how != "rollback":
            trail.append(move.came_from)
        elif trail:
            trail.pop()
        last = move
    if last is not None and last.to != now:
        return last.to
    return trail[-1] if trail else NOTHING
