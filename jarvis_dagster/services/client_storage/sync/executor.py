"""Carries a plan out, one action after the other.

Belongs here: the order of work, what is agreed once an action is done, what
becomes of one that fails. Does not belong here: what an action does to a drive
(``hands.py``), deciding what to do (``planner.py``) or whether (``guards.py``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, JarvisError, TransientError
from jarvis_dagster.services.client_storage.sync.hands import Hands
from jarvis_dagster.services.client_storage.sync.model import Agreed
from jarvis_dagster.services.client_storage.sync.report import Problem, Reason, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.sync.model import (
        Action,
        Place,
        Side,
        SideName,
        Tree,
    )
    from jarvis_dagster.services.client_storage.sync.state import State

__all__ = ["Executor"]

_LOG = logging.getLogger(__name__)
_OUTAGE = 5
"""So many transient failures in a row are an outage, and the rest is not tried."""


class Executor:
    """Carries out the actions of one run.

    Attributes:
        done: What was done.
        changed: Paths that somebody else changed meanwhile; they are left alone.
        failures: What could not be done.
        outage: Why the rest was not tried; None if all was.
    """

    def __init__(
        self,
        sides: Mapping[SideName, Side],
        trees: Mapping[SideName, Tree],
        state: State,
        scratch: Path,
    ) -> None:
        self.done: list[Step] = []
        self.changed: list[str] = []
        self.failures: list[Problem] = []
        self.outage: Reason | None = None
        self._state = state
        self._hands = Hands(sides, trees, scratch)
        self._failed: set[Place] = set()

    def run(
        self, actions: Sequence[Action], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Do what can be done; every action that is done is remembered at once."""
        in_a_row = 0
        for number, action in enumerate(actions):
            if progress is not None:
                progress(number, len(actions))
            try:
                worked = self._try(action)
            except TransientError as error:
                self._fail(action, error)
                in_a_row += 1
                if in_a_row == _OUTAGE:
                    self.outage = Reason("outage", f"Too much failed in a row: {error}")
                    return
            else:
                in_a_row = 0 if worked else in_a_row
        if progress is not None:
            progress(len(actions), len(actions))

    def _try(self, action: Action) -> bool:
        """Whether it was done; only an error that may go by is raised."""
        if not self._failed.isdisjoint(action.after) or self._is_blocked(action):
            self._failed.add((action.side, action.path))
            return False
        try:
            paths = self._hands.do(action)
        except ConflictError as error:
            _LOG.info("Left for the next run: %s", error)
            self._failed.add((action.side, action.path))
            self.changed.append(action.path)
            return False
        except TransientError:
            raise
        except (JarvisError, OSError) as error:
            self._fail(action, error)
            return False
        self._record(paths)
        self.done.append(Step.of(action))
        return True

    def _is_blocked(self, action: Action) -> bool:
        """Whether a folder that is to be removed still has what could not be."""
        below = f"{action.path}/"
        return action.kind == "remove" and any(
            side == action.side and path.startswith(below) for side, path in self._failed
        )

    def _fail(self, action: Action, error: Exception) -> None:
        _LOG.warning("%s of %s failed: %s", action.kind, action.path, error)
        self._failed.add((action.side, action.path))
        self.failures.append(Problem(action.side, action.path, str(error)))

    def _record(self, paths: Sequence[str]) -> None:
        agreed, forget = {}, []
        for path in paths:
            mine, yours = self._hands.there("a", path), self._hands.there("b", path)
            if mine is None and yours is None:
                forget.append(path)
            elif mine and yours and mine.is_same(yours):
                agreed[path] = Agreed(mine.sha256, mine.file.size, mine.seen(), yours.seen())
        if agreed or forget:
            self._state.agree(agreed, forget)
