"""Entry points that tests make figures by; of the standard library alone."""

from __future__ import annotations

import os
import random
from pathlib import Path

__all__ = ["count", "depend", "fail"]


def count(data: str, weight: float, out: str) -> dict[str, float]:
    """Figures that depend on data, an argument and the seed."""
    numbers = [float(line) for line in Path(data).read_text().split()]
    (Path(out) / "made.txt").write_text("made")
    return {"sum": weight * sum(numbers), "luck": random.random(), "own": 1.0}


def depend() -> dict[str, float]:
    """A figure of a package that an environment may have or not."""
    import jarvis_sample_of_tests  # type: ignore[import-not-found]

    return {"version": jarvis_sample_of_tests.NUMBER}


def fail(what: str) -> dict[str, float]:
    """It does."""
    raise ValueError(f"{what} in {os.getpid()}")
