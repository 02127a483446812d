"""What ``jarvis track`` and ``jarvis evaluate tracker`` do.

Belongs here: from the words of the command line to calls, and what is printed.
Does not belong here: the command-line framework, tracking, metrics.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

__all__ = ["evaluate_tracker_command", "parse_size", "track_command"]


def parse_size(text: str) -> tuple[int, int]:
    """``"1280x720"`` as width and height in pixels.

    Raises:
        BadInputError: not of that form, or 0.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×,]\s*(\d{1,6})\s*", text)  # noqa: RUF001
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise BadInputError(f"{text!r} is not a size.", "Give width x height, as in 1280x720.")
    return int(match[1]), int(match[2])


def track_command(
    detections: Path,
    size: str,
    fps: float,
    out: Path,
    *,
    as_json: bool = False,
    console: Console | None = None,
) -> None:
    """Track a MOTChallenge file of detections into another.

    Raises:
        BadInputError: see :func:`~jarvis_dagster.hockey.tracking.track_file`.
    """
    from rich.console import Console

    from jarvis_dagster.commands.targets import require_file
    from jarvis_dagster.hockey.tracking import format_summary, track_file

    summary = track_file(detections, parse_size(size), fps, require_file(out))
    console = console or Console()
    if as_json:
        console.print_json(json.dumps(dataclasses.asdict(summary)))
        return
    console.print(format_summary(summary))
    if summary.message:
        console.print(summary.message, highlight=False)
    console.print(f"Tracks: {out}", highlight=False, soft_wrap=True)


def evaluate_tracker_command(
    ground_truth: Path,
    tracks: Path,
    *,
    as_json: bool = False,
    console: Console | None = None,
) -> None:
    """Print HOTA, IDF1, MOTA of tracks against ground truth.

    Raises:
        BadInputError: see :func:`~jarvis_dagster.hockey.tracking.evaluate_tracker`.
    """
    from rich.console import Console

    from jarvis_dagster.hockey.tracking import evaluate_tracker, format_evaluation

    figures = evaluate_tracker(ground_truth, tracks)
    console = console or Console()
    if as_json:
        console.print_json(json.dumps(figures))
    else:
        console.print(
            format_evaluation(figures, title=f"{tracks.name} against {ground_truth.name}")
        )
