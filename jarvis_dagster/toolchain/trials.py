"""What a search for options has tried.

Belongs here: trials as data. Does not belong here: running them (``tuning``).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

    from jarvis_dagster.toolchain.kind import Kind

__all__ = ["OUTCOME", "STOPPED", "Search", "Trial", "found"]

OUTCOME, STOPPED = "outcome", "stopped"
"""The attribute of a trial that did not end, and what it says unless it failed."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One set of options that was tried."""

    number: int
    options: dict[str, Any]
    state: str
    """finished, given up (its loss was worse than most), stopped (time was up) or failed."""
    figure: float | None
    seconds: float


@dataclasses.dataclass(frozen=True)
class Search:
    """What a search has found so far."""

    id: str
    figure: str
    trials: tuple[Trial, ...]
    default_figure: float | None
    """Of the pipeline's own options, which are always the first trial."""

    @property
    def best(self) -> Trial | None:
        """The best finished trial."""
        done = [t for t in self.trials if t.state == "finished" and t.figure is not None]
        return max(done, key=lambda t: t.figure or -math.inf, default=None)


def found(study: optuna.Study, identity: str, kind: Kind) -> Search:
    """The trials of a study, best first."""
    import optuna

    names = {
        optuna.trial.TrialState.COMPLETE: "finished",
        optuna.trial.TrialState.PRUNED: "given up",
    }
    trials = []
    for one in study.get_trials():
        if one.state is optuna.trial.TrialState.WAITING:
            continue
        stopped = one.user_attrs.get(OUTCOME) == STOPPED
        state = names.get(one.state, "stopped" if stopped else "failed")
        seconds = one.duration.total_seconds() if one.duration else 0.0
        value = one.value if one.state is optuna.trial.TrialState.COMPLETE else None
        trials.append(Trial(one.number, dict(one.params), state, value, round(seconds, 1)))
    defaults = {name: kind.defaults[name] for name in kind.space}
    first = next((t.figure for t in trials if t.options == defaults and t.figure is not None), None)
    ranked = sorted(
        trials,
        key=lambda t: (t.figure is None, -(t.figure if t.figure is not None else 0), t.number),
    )
    return Search(identity, kind.figure, tuple(ranked), first)
