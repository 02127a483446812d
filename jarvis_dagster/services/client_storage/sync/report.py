"""What a run did, for people and programs.

Belongs here: the report and its forms. Does not belong here: deciding its status.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.sync.model import Action, SideName

__all__ = ["Problem", "Reason", "Status", "Step", "SyncReport"]

Status: TypeAlias = Literal["ok", "changed meanwhile", "incomplete", "stopped"]

ReasonCode: TypeAlias = Literal[
    "busy", "listing", "empty", "marker", "state", "sides", "deletes", "outage"
]


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a run stopped."""

    code: ReasonCode
    message: str


@dataclasses.dataclass(frozen=True)
class Problem:
    """A file that could not be dealt with; it is tried again by the next run."""

    side: SideName
    path: str
    message: str


@dataclasses.dataclass(frozen=True)
class Step:
    """One action, as it is told: ``origin`` is the path that something came from."""

    kind: str
    side: SideName
    path: str
    origin: str = ""
    size: int = 0

    @classmethod
    def of(cls, action: Action) -> Step:
        """The step that an action is."""
        there = action.source or action.target
        origin = action.source.raw if action.source and action.kind in {"move", "rename"} else ""
        return cls(action.kind, action.side, action.path, origin, there.file.size if there else 0)


@dataclasses.dataclass(frozen=True)
class SyncReport:
    """What a run did.

    Attributes:
        status: ``ok``: both sides hold the same. ``changed meanwhile``: something
            was changed by somebody else during the run and is left for the next.
            ``incomplete``: something could not be done. ``stopped``: the run
            was refused or broke off, for ``reasons``.
        reasons: Why it stopped.
        steps: What was done; in a dry run, what would be.
        conflicts: Paths that both sides changed, and the paths of the copies.
        changed: Paths that were changed by somebody else during the run.
        failures: What could not be done.
        left_out: Documents of a provider's own kind, which have no content to bring.
        aliases: What has another name on a side, because it cannot have its own there:
            the side, the path that is meant, and the one there.
        files: Files that both sides hold now.
        dry_run: Whether nothing was changed.
    """

    status: Status
    reasons: tuple[Reason, ...] = ()
    steps: tuple[Step, ...] = ()
    conflicts: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()
    failures: tuple[Problem, ...] = ()
    left_out: tuple[str, ...] = ()
    aliases: tuple[tuple[SideName, str, str], ...] = ()
    files: int = 0
    dry_run: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many steps of each kind."""
        return dict(Counter(step.kind for step in self.steps))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**dataclasses.asdict(self), "counts": self.counts}
