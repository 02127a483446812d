"""Carries a plan out, one action after the other.

Belongs here: the order of work, what is agreed once an action is done, what
becomes of one that fails. Does not belong here: what an action does to a drive
(``hands.py``), deciding what to do (``planner.py``) or whether (``guards.py``).
"""

from __future__ import annotations

import concurrent.futures
import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, JarvisError, TransientError
from jarvis_dagster.services.client_storage.sync.hands import Hands, NoContentError
from jarvis_dagster.services.client_storage.sync.model import Agreed
from jarvis_dagster.services.client_storage.sync.names import tamed_path
from jarvis_dagster.services.client_storage.sync.report import Problem, Reason, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.sync.model import (
        Action,
        FileKey,
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


_AHEAD = 8
"""So many files a thread are begun before what was done is remembered."""


class Executor:
    """Carries out the actions of one run.

    Attributes:
        done: What was done.
        changed: Paths that somebody else changed meanwhile; they are left alone.
        failures: What could not be done.
        no_content: Files that have none of their own.
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
        self.no_content: dict[FileKey, str] = {}
        self.outage: Reason | None = None
        self._state = state
        self._hands = Hands(sides, trees, scratch)
        self._failed: set[Place] = set()
        self._in_a_row = 0

    @property
    def contents(self) -> Mapping[FileKey, tuple[str, str]]:
        """Version and hash of what was sent."""
        return self._hands.places.contents

    def run(
        self,
        actions: Sequence[Action],
        at_once: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Do what can be done; every action that is done is remembered at once.

        Args:
            actions: In the order in which they are safe.
            at_once: How many files are sent at the same time.
            progress: Called with the actions done and the actions in all.
        """
        number = 0
        with concurrent.futures.ThreadPoolExecutor(max(at_once, 1)) as pool:
            for group in _groups(actions, at_once):
                ready = [action for action in group if self._may(action)]
                tries = (pool.map if len(ready) > 1 else map)(self._try, ready)
                for action, result in zip(ready, tries, strict=True):
                    self._note(action, result)
                number += len(group)
                if progress is not None:
                    progress(number, len(actions))
                if self.outage is not None:
                    return

    def _may(self, action: Action) -> bool:
        """Whether what has to be done before was done."""
        if self._failed.isdisjoint(action.after) and not self._is_blocked(action):
            return True
        self._failed.add((action.side, action.path))
        return False

    def _try(self, action: Action) -> Sequence[str] | Exception:
        """The paths at which something is different now, or why nothing is."""
        try:
            return self._hands.do(action)
        except (JarvisError, OSError) as error:
            return error

    def _note(self, action: Action, result: Sequence[str] | Exception) -> None:
        if not isinstance(result, Exception):
            self._in_a_row = 0
            self._record(result)
            self.done.append(Step.of(action))
            return
        self._failed.add((action.side, action.path))
        if isinstance(result, ConflictError):
            _LOG.info("Left for the next run: %s", result)
            self.changed.append(action.path)
            return
        if isinstance(result, NoContentError) and action.source:
            self.no_content[action.source_side, action.source.file.id] = action.source.file.version
            return
        _LOG.warning("%s of %s failed: %s", action.kind, action.path, result)
        self.failures.append(Problem(action.side, action.path, str(result)))
        if isinstance(result, TransientError):
            self._in_a_row += 1
            if self._in_a_row == _OUTAGE:
                self.outage = Reason("outage", f"Too much failed in a row: {result}")

    def _is_blocked(self, action: Action) -> bool:
        """Whether a folder that is to be removed still has what could not be."""
        below = f"{action.path}/"
        return action.kind == "remove" and any(
            side == action.side and path.startswith(below) for side, path in self._failed
        )

    def _record(self, paths: Sequence[str]) -> None:
        agreed, forget = {}, []
        for path in paths:
            mine, yours = self._hands.places.there("a", path), self._hands.places.there("b", path)
            if mine is None and yours is None:
                forget.append(path)
            elif mine and yours and mine.is_same(yours):
                agreed[path] = Agreed(mine.sha256, mine.file.size, mine.seen(), yours.seen())
        if agreed or forget:
            self._state.agree(agreed, forget)


def _groups(actions: Sequence[Action], at_once: int) -> Iterator[list[Action]]:
    """Actions that may be done at the same time: files sent to different places."""
    group: list[Action] = []
    places: set[Place] = set()
    for action in actions:
        # Of names that a side takes for one, the first in order gets it, not the quickest.
        like = (action.side, tamed_path(action.path).casefold())
        fits = (
            at_once > 1
            and len(group) < at_once * _AHEAD
            and action.kind in {"copy", "replace"}
            and all(other.kind == action.kind for other in group)
            and places.isdisjoint((*action.after, like))
        )
        if group and not fits:
            yield group
            group, places = [], set()
        group.append(action)
        places |= {(action.side, action.path), like}
    if group:
        yield group
