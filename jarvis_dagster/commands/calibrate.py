"""What ``jarvis calibrate`` does.

Belongs here: from the words of the command line to calls, the files written, what is printed.
Does not belong here: the command-line framework, finding the lines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.commands.targets import require_file
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from jarvis_dagster.hockey.rink import Calibration

    Progress = Callable[[str, int, int], None]

__all__ = ["calibrate_command"]

_PICTURES = 4


def calibrate_command(
    video: Path,
    *,
    out: Path | None = None,
    picture: Path | None = None,
    rink: str = "auto",
    marks: Path | None = None,
    check: Path | None = None,
    threads: int | None = None,
    as_json: bool = False,
    progress: Progress | None = None,
    console: Console | None = None,
) -> bool:
    """Write the calibration of ``video`` and a picture of the lines over its frames.

    Args:
        out: By default ``game.calibration.json`` beside ``game.mp4``.
        picture: By default ``game.calibration.png``.
        rink: A name in ``RINKS``, or ``auto``: as the lines tell.
        marks: JSON of clicked marks; the camera never moves.
        check: A calibration to compare with the video, instead of making one.

    Returns:
        Whether there is a calibration, and it fits.

    Raises:
        BadInputError: no such video, rink, or file of marks.
    """
    from rich.console import Console

    if not video.is_file():
        raise BadInputError(f"There is no video {video}.", "Check the path.")
    tell = progress or (lambda *_: None)
    target = out or video.with_name(video.stem + ".calibration.json")
    sheet = picture or target.with_suffix(".png")
    require_file(target)
    require_file(sheet)
    calibration: Calibration | None
    if check is not None:
        calibration, facts = _checked(video, check, threads)
    elif marks is not None:
        calibration, facts = _from_marks(video, marks, rink, threads)
    else:
        calibration, facts = _found(video, rink, threads, tell)
    if calibration is not None:
        if check is None:
            calibration.save(target)
            facts["calibration"] = str(target)
        facts["picture"] = str(_draw(video, calibration, sheet))
    console = console or Console()
    if as_json:
        console.print_json(json.dumps(facts))
    else:
        _print(facts, console)
    return bool(facts["fits"])


def _found(
    video: Path, rink: str, threads: int | None, tell: Progress
) -> tuple[Calibration | None, dict[str, Any]]:
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.rink.video import calibrate_video

    scan = scan_video(video, progress=lambda done, total: tell("scan", done, total))
    found = calibrate_video(
        video,
        scan,
        rink=rink,
        threads=threads,
        progress=lambda done, total: tell("calibrate", done, total),
    )
    facts = {"video": str(video), "source": "found", **found.summary()}
    calibration = found.calibration
    facts["fits"] = calibration is not None
    if calibration is None:
        facts["why"] = found.reason
    else:
        facts["rink"] = calibration.rink
    return calibration, facts


def _checked(video: Path, file: Path, threads: int | None) -> tuple[Calibration, dict[str, Any]]:
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink.checking import check_calibration, verdict

    calibration = Calibration.load(file)
    fits = check_calibration(video, calibration, threads=threads)
    facts: dict[str, Any] = {"video": str(video), "source": "checked", "rink": calibration.rink}
    facts |= verdict(fits)
    return calibration, facts


def _from_marks(
    video: Path, file: Path, rink: str, threads: int | None
) -> tuple[Calibration, dict[str, Any]]:
    from jarvis_dagster.hockey.rink import calibrate_fixed
    from jarvis_dagster.hockey.rink.checking import check_calibration, verdict
    from jarvis_dagster.hockey.rink.marks import read_marks
    from jarvis_dagster.hockey.video import probe

    if rink == "auto":
        raise BadInputError(
            "Marks do not tell which rink they are on.", "Name it with --rink, as in --rink NHL."
        )
    info = probe(video)
    pixels, feet = read_marks(file, rink)
    calibration = calibrate_fixed(
        pixels, feet, rink=rink, image_size_px=(info.width_px, info.height_px)
    )
    facts: dict[str, Any] = {"video": str(video), "source": "marks", "rink": rink}
    facts |= {"marks": len(pixels), "error_ft": round(calibration.error_ft, 2)}
    facts |= {"bend": calibration.bend}
    facts |= verdict(check_calibration(video, calibration, threads=threads))
    return calibration, facts


def _draw(video: Path, calibration: Calibration, sheet: Path) -> Path:
    import cv2

    from jarvis_dagster.hockey.rink.overlay import contact_sheet, draw_lines, frames_to_show
    from jarvis_dagster.hockey.video import probe, read_frame

    numbers = frames_to_show(calibration, probe(video).frame_count or 1, _PICTURES)
    pictures = [draw_lines(read_frame(video, n).image, calibration, n) for n in numbers]
    sheet.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(sheet), contact_sheet(pictures)):
        raise BadInputError(f"The picture {sheet} cannot be written.", "Name a .png or .jpg.")
    return sheet


def _print(facts: dict[str, Any], console: Console) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    if facts["source"] == "found" and not facts["fits"]:
        say(f"Not calibrated: {facts['why'] or 'no frame shows enough of a rink'}.")
    elif facts["source"] == "found":
        share = f"{facts['valid_share']:.0%}"
        say(
            f"Calibrated: {share} of the frames, {facts['rink']} rink, "
            f"likely error {facts['error_ft']:.1f} ft."
        )
    elif facts["source"] == "marks":
        say(f"Calibrated from {facts['marks']} marks, typical error {facts['error_ft']:.1f} ft.")
    if facts["source"] != "found":
        say(facts["said"])
    for reason, count in facts.get("not_valid", {}).items():
        say(f"  {count} of {facts['key_frames']} key frames not valid: {reason}")
    if "calibration" in facts:
        say(f"Calibration: {facts['calibration']}")
    if "picture" in facts:
        say(f"Look whether the lines fit: {facts['picture']}")
