"""``jarvis train``: from labelled frames to a detector file.

Belongs here: options to a plan, the bar, the last words. Does not belong here: training
(``hockey/training``).
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["train_command"]


def train_command(
    data: Path,
    *,
    start: Path | None,
    output: Path,
    held_out: Sequence[str],
    loose: Sequence[str],
    partly_labelled: Sequence[str],
    aspect: str | None,
    steps: int | None,
    progress: Callable[[int, int], None] | None,
) -> str:
    """Train, export and shrink a detector; say where it is.

    Raises:
        NotSupportedError: the training extra is not installed.
        BadInputError: the export or the start does not fit.
    """
    if importlib.util.find_spec("torch") is None:
        raise NotSupportedError(
            "Training needs PyTorch.", 'Install it: pip install -c constraints.txt ".[training]"'
        )
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
    from jarvis_dagster.hockey.training.build import Plan, build_detector

    start = start or PACKAGED_WEIGHTS
    if not start.is_file():
        raise BadInputError(f"There is no file {start}.", "Leave --start out for the packaged one.")
    shape = parse_aspect(aspect)
    plan = Plan(
        held_out=held_out,
        aspect=None if shape is None else (shape, shape),
        loose=loose,
        partly_labelled=partly_labelled,
    )
    if steps is not None:
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps=steps))
    made = build_detector(data, start, output, plan, progress=progress)
    return (
        f"{made}\nTry it: jarvis detect FOLDER_OR_VIDEO --model {made} --out boxes.json\n"
        "Measure it on videos that it has not seen: jarvis evaluate detector --help"
    )
