"""The bounded search for better parameters, by Optuna.

Belongs here: what is tried, on what, how long. Does not belong here: whether the result is really
better (``shadow``), which no search can tell of what it searched on.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.adaptation.parameters import BOUNDS, Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna

    from jarvis_dagster.hockey.adaptation.looks import Look
    from jarvis_dagster.hockey.adaptation.material import Eyes, Material

__all__ = ["Found", "Trial", "guesses", "search"]

_DIGITS = 3
_PRICE = 0.004
"""What a change must bring for each time it doubles (or halves) something: none is for nothing."""
_THRESHOLD_UNIT = 0.1


@dataclasses.dataclass(frozen=True)
class Trial:
    """Parameters that were tried, and the mean figure over videos."""

    parameters: Parameters
    figure: float


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        current, best: With what is in force, and the best; the same where nothing is better.
        ended: Why it ended: ``trials`` or ``budget``.
    """

    basis: str
    videos: tuple[str, ...]
    current: Trial
    best: Trial
    trials: tuple[Trial, ...]
    cpu_s: float
    ended: str

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def search(
    material: Material,
    eyes: Eyes,
    current: Parameters,
    *,
    first: Sequence[Parameters] = (),
    trials: int = 40,
    cpu_s: float = 600.0,
    seed: int = 0,
    fixed: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Try parameters within their bounds, those in force and ``first`` first.

    The same arguments give the same trials, unless the budget ends them.

    Args:
        cpu_s: Of this process, after which no trial is begun.
        fixed: Parameters that stay as they are.
        progress: Called with trials done and in all.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    free = [name for name in BOUNDS if name not in fixed]
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8),
    )
    for parameters in (current, *first):
        values = {name: _value(parameters, name, eyes) for name in free}
        study.enqueue_trial(values, skip_if_exists=True)
    began, done = time.process_time(), []
    ended = "trials"
    for number in range(trials):
        if number and time.process_time() - began > cpu_s:
            ended = "budget"
            break
        if progress:
            progress(number, trials)
        trial = study.ask()
        # What is in force is tried as it is: rounding must not make it another.
        parameters = current if number == 0 else _suggested(trial, free, current)
        figure = float(np.mean(list(material.figures(eyes, parameters).values())))
        study.tell(trial, figure - _PRICE * _distance(parameters, current, eyes))
        done.append((Trial(parameters, round(figure, 5)), study.trials[-1].value or 0.0))
    best = max(done, key=lambda pair: pair[1])[0]
    return Found(
        material.basis,
        material.videos,
        done[0][0],
        best,
        tuple(trial for trial, _ in done),
        round(time.process_time() - began, 2),
        ended,
    )


def guesses(usual: Look, raw: Look) -> list[Parameters]:
    """What would bring pictures that look ``raw`` back to the usual look, in a few ways."""
    stops = usual.measures["brightness"] - raw.measures["brightness"]
    blue, red = (2 ** (usual.measures[name] - raw.measures[name]) for name in ("blue", "red"))
    balance = {"blue": _clipped("blue", blue), "red": _clipped("red", red)}
    gain = _clipped("gain", 2**stops)
    # Stops below white, which is 8: a power multiplies them.
    below = [max(8 - look.measures["brightness"], 0.05) for look in (usual, raw)]
    gamma = _clipped("gamma", below[0] / below[1])
    middle = _clipped("gain", 2 ** (stops / 2))
    return [
        Parameters(gain=gain),
        Parameters(gain=gain, **balance),
        Parameters(gain=middle, gamma=_clipped("gamma", 0.75 if stops > 0 else 1.25)),
        Parameters(gamma=_clipped("gamma", 0.5 if stops > 0 else 1.5)),
        Parameters(gamma=gamma, **balance),
    ]


def _clipped(name: str, value: float) -> float:
    bound = BOUNDS[name]
    return round(min(max(value, bound.low), bound.high), _DIGITS)


def _value(parameters: Parameters, name: str, eyes: Eyes) -> float:
    value = getattr(parameters, name)
    return _clipped(name, eyes.least if value is None else value)


def _suggested(trial: optuna.Trial, free: Sequence[str], current: Parameters) -> Parameters:
    values = current.to_json()
    for name in free:
        bound = BOUNDS[name]
        values[name] = round(
            trial.suggest_float(name, bound.low, bound.high, log=bound.log), _DIGITS
        )
    return Parameters.from_json(values)


def _distance(parameters: Parameters, current: Parameters, eyes: Eyes) -> float:
    """How much is changed: doublings, and tenths of the least score."""
    total = 0.0
    for name, bound in BOUNDS.items():
        a, b = (_value(one, name, eyes) for one in (parameters, current))
        total += abs(math.log2(a / b)) if bound.log else abs(a - b) / _THRESHOLD_UNIT
    return total
