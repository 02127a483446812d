"""How many steps a training has time for on this machine, today.

Belongs here: a step's time, measured; steps from minutes. Does not belong here: training.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.training.train import train_detector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.training.dataset import Sample
    from jarvis_dagster.hockey.training.train import Recipe

__all__ = ["affordable_steps", "step_seconds", "usable_threads"]

_TRIED = 8
_WARM_UP = 2
_FEWEST, _MOST = 50, 500
"""Fewer teach nothing; more have not been seen to keep what was known."""
_MAX_THREADS = 4


def usable_threads() -> int:
    """Threads to share a batch out over: the processor's cores that this program may use."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(_MAX_THREADS, psutil.cpu_count(logical=False) or 1, allowed or 1))


def step_seconds(samples: Sequence[Sample], start: Path, recipe: Recipe) -> float:
    """Seconds a step takes now: the mean of a few real ones, whose result is thrown away."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory(prefix="jarvis-pace-") as folder:
        train_detector(
            samples,
            Path(folder),
            start=start,
            recipe=dataclasses.replace(recipe, steps=_TRIED),
            progress=lambda *_: ends.append(time.monotonic()),
        )
    # Not the last, which ends with writing a checkpoint.
    return (ends[-2] - ends[_WARM_UP - 1]) / (_TRIED - _WARM_UP - 1)


def affordable_steps(seconds: float, step_s: float) -> int:
    """Steps of ``step_s`` that fit in ``seconds``, within what is sensible."""
    return int(min(_MOST, max(_FEWEST, seconds / step_s)))
