"""The preflight report: findings and trust grades, in one JSON-able dict.

Belongs here: the shape of the report and its one-sentence summary. Does not
belong here: measuring, wording and grading (``measures, findings, grades``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.preflight.findings import Finding, findings
from jarvis_dagster.hockey.preflight.grades import NOT_SUPPORTED, STATISTICS, grades
from jarvis_dagster.hockey.preflight.measures import footage_measures

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["STATISTICS", "preflight"]


def preflight(
    info: VideoInfo,
    scan: pd.DataFrame,
    *,
    calibrated: bool | None = False,
    pucks: bool = False,
) -> dict[str, Any]:
    """Judge the footage.

    Args:
        info: From ``probe``.
        scan: From ``scan_video``.
        calibrated: A rink calibration exists for this video; ``None``: it has to be found
            in the picture, which may turn out to be impossible.
        pucks: The detector in use looks for the puck.

    Returns:
        ``{"summary": str, "video": {...}, "measures": {name: number},
        "findings": [{"code", "severity", "title", "text", "value", "unit"}],
        "grades": {statistic: {"grade": "A".."D" | "not supported", "reasons": [str]}}}``
        with the statistics ``detections, tracks, time_in_view, positions,
        speeds, events, puck``; findings are sorted, the serious ones first.

    Raises:
        BadInputError: the scan is empty.
    """
    if scan.empty:
        raise BadInputError(f"The scan of “{info.path.name}” is empty.", "Scan the video again.")
    measures = footage_measures(info, scan)
    found = findings(info, measures)
    judged = grades(info, measures, calibrated=calibrated, pucks=pucks)
    return {
        "summary": _summary(info, measures, found, judged),
        "video": {
            "name": info.path.name,
            "width_px": info.width_px,
            "height_px": info.height_px,
            "fps": info.fps,
            "frame_count": info.frame_count,
            "duration_s": info.duration_s,
            "codec": info.codec,
            "rotation_deg": info.rotation_deg,
            "has_audio": info.has_audio,
            "variable_rate": info.variable_rate,
            "interlaced": info.interlaced,
            "frames_lost": info.frames_lost,
            "size_bytes": info.size_bytes,
        },
        "measures": measures,
        "findings": found,
        "grades": judged,
    }


def _summary(
    info: VideoInfo,
    measures: dict[str, Any],
    found: list[Finding],
    judged: dict[str, dict[str, Any]],
) -> str:
    worst = [finding["title"].lower() for finding in found if finding["severity"] != "info"]
    supported = [name for name in STATISTICS if judged[name]["grade"] != NOT_SUPPORTED]
    text = (
        f"{_length(info.duration_s)} at {info.width_px} x {info.height_px},"
        f" {info.fps:.4g} frames/s; {measures['rink_share']:.0%} of it shows a rink."
    )
    text += f" To know: {', '.join(worst)}." if worst else " Nothing stands in the way."
    if not supported:
        text += " No statistic can be supported."
    return text


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
