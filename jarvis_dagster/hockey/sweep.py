"""Everything that pixels alone tell of a video, in one pass over it.

Belongs here: who watches, and the files in which what they saw waits for those who need it. Does
not belong here: what anybody sees (``preflight``, ``detection``, ``rink``, ``scoreboard``), or
what needs to know who is who.

Each of them can also look by itself; together they decode the video once instead of four times.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.detection import People
from jarvis_dagster.hockey.preflight.scanning import Scan
from jarvis_dagster.hockey.rink.evidence import MarkFinder
from jarvis_dagster.hockey.rink.watching import Marks, MarkWatcher
from jarvis_dagster.hockey.scoreboard import Board, ScoreboardReading
from jarvis_dagster.hockey.video import probe
from jarvis_dagster.hockey.video.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.detection.video import Correction

__all__ = ["Sweep", "sweep"]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What was seen.

    Attributes:
        scan: As ``scan_video`` returns it.
        detections, kit: As ``detect_video`` returns them.
        detector: Version of the detector.
        stride: Every how many frames it looked.
    """

    scan: pd.DataFrame
    detections: pd.DataFrame
    kit: pd.DataFrame
    detector: str
    stride: int
    marks: Marks
    board: ScoreboardReading


def sweep(
    path: Path,
    detector: Detector,
    *,
    stride: int,
    threads: int | None = None,
    correct: Correction | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Watch a video once: camera and cuts, people, marks of the rink, scoreboard.

    Memory grows by what was seen only; frames are streamed.

    Args:
        stride: Every how many frames the detector looks.
        threads: Threads of the other networks.
        correct: Done to each picture (H, W, 3) before people are looked for in it; the others
            see it as it was filmed.
        progress: Called with (frames done, frames in all).

    Raises:
        BadVideoError: the video cannot be decoded.
        BadInputError: ``stride`` is not positive.
    """
    info = probe(path)
    people = People(info, detector, stride, correct)
    scan, board = Scan(info), Board.find(path, threads)
    marks = MarkWatcher(info, MarkFinder(threads=threads))
    watchers = (scan, people, marks, board)
    watch(path, watchers, frames=info.frame_count, progress=progress)
    boxes, kit = people.tables()
    return Sweep(scan.table(), boxes, kit, detector.version, stride, marks.marks(), board.reading())
