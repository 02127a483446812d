"""What ``jarvis evaluate calibration`` does.

Belongs here: from the words of the command line to calls, and what is printed. Does not belong
here: the command-line framework, the measures (``hockey/rink/evaluation.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.commands.printing import print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink.evaluation import Errors
    from jarvis_dagster.hockey.rink.marks import Matched

    Progress = Callable[[str, int, int], None]

__all__ = ["evaluate_calibration_command"]

_FIGURES = {
    "pictures": "pictures",
    "calibrated": "of these calibrated",
    "marks": "marks",
    "placed": "of these placed on the ice",
    "error_ft_median": "error in feet, median",
    "error_ft_p90": "error in feet, 90th percentile",
    "error_ft_largest": "error in feet, largest",
    "claimed_ft_median": "likely error that was told, median",
}


def evaluate_calibration_command(
    marks: Path,
    *,
    images: Path | None,
    video: Path | None,
    calibration: Path | None,
    rink: str,
    threads: int | None,
    as_json: bool,
    progress: Progress,
) -> None:
    """Print how far off the calibration is at the marks, as a table or JSON.

    Raises:
        BadInputError: not one of ``images`` and ``video``, or something in them does not fit.
    """
    from jarvis_dagster.hockey.rink.evaluation import evaluate_pictures, summarised
    from jarvis_dagster.hockey.rink.marks import read_marks_by_frame

    if (images is None) == (video is None):
        raise BadInputError("Name either --images or --video.", "Pictures are judged one by one.")
    by_frame = read_marks_by_frame(marks, rink)
    if images is not None:
        if calibration is not None:
            raise BadInputError("A calibration is of a --video.", "Leave --calibration out.")
        found = evaluate_pictures(
            images,
            by_frame,
            rink,
            threads=threads,
            progress=lambda done, total: progress("calibrate", done, total),
        )
    else:
        assert video is not None
        found = _of_video(video, by_frame, calibration, rink, threads, progress)
    figures = summarised(found)
    if as_json:
        print_json(figures)
        return
    rows = [(title, "-" if figures[k] is None else figures[k]) for k, title in _FIGURES.items()]
    print_table(("figure", "value"), rows, title=f"{rink} rink, {marks.name}")
    for name, one in found.items():
        if one.why:
            terminal().print(f"{name}: {one.why}", highlight=False, markup=False)


def _of_video(
    video: Path,
    marks: dict[str, Matched],
    file: Path | None,
    rink: str,
    threads: int | None,
    progress: Progress,
) -> dict[str, Errors]:
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink.evaluation import calibration_errors
    from jarvis_dagster.hockey.video import probe

    info = probe(video)
    held: Calibration | None
    held = Calibration.load(file) if file else _found(video, rink, threads, progress)
    if held is None:
        raise BadInputError(
            f"No frame of {video.name} shows enough of a rink to be calibrated.",
            "See `jarvis calibrate --help` for cameras whose marks are clicked.",
        )
    return calibration_errors(held, marks, info.frame_count or 1)


def _found(video: Path, rink: str, threads: int | None, progress: Progress) -> Calibration | None:
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.rink.video import calibrate_video

    scan = scan_video(video, progress=lambda done, total: progress("scan", done, total))
    return calibrate_video(
        video,
        scan,
        rink=rink,
        threads=threads,
        progress=lambda done, total: progress("calibrate", done, total),
    ).calibration
