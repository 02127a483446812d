"""Truths about the tables of Spotlight, checked whenever one is materialised.

Belongs here: the rules of ``hockey/events/integrity`` as asset checks. Does not belong
here: the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jarvis_dagster.hockey.events.integrity import Record

__all__ = [
    "BOXES_ARE_INSIDE",
    "CALIBRATION_FITS_THE_LINES",
    "boxes_are_inside",
    "calibration_fits_the_lines",
    "impossible",
    "record_of",
    "results",
    "specs",
]

BOXES_ARE_INSIDE = dg.AssetCheckSpec(
    "boxes_are_inside",
    asset=dg.AssetKey(["spotlight", "detections"]),
    description="Every box has an area and lies in the picture, but for one pixel of rounding.",
)
CALIBRATION_FITS_THE_LINES = dg.AssetCheckSpec(
    "calibration_fits_the_lines",
    asset=dg.AssetKey(["spotlight", "calibration"]),
    description="The rink's lines lie where the video shows them, or nothing relies on them.",
)


def specs(table: str) -> list[dg.AssetCheckSpec]:
    """What Dagster lists of the rules on ``tracks``, ``positions``, ``events``, ``highlights``.

    A rule that blocks stops what is made from the table where it does not hold.
    """
    from jarvis_dagster.hockey.events.integrity import rules_about

    return [
        dg.AssetCheckSpec(
            rule.name,
            asset=dg.AssetKey(["spotlight", table]),
            description=rule.says,
            blocking=rule.blocking,
        )
        for rule in rules_about(table)
    ]


def results(
    table: str, record: Record, refuse: Callable[[list[str]], None] | None = None
) -> list[dg.AssetCheckResult]:
    """Each rule on ``table``, judged; what breaks it is in its description.

    ``refuse`` is told what is impossible, if anything is, for those who wait for results.
    """
    from jarvis_dagster.hockey.events.integrity import rules_about

    against = {rule: rule.against(record) for rule in rules_about(table)}
    impossible = [
        f"{sentence} (rule {rule.name})"
        for rule, sentences in against.items()
        if rule.blocking
        for sentence in sentences
    ]
    if impossible and refuse is not None:
        refuse(impossible)
    return [
        _result(rule.name, sentences, blocking=rule.blocking) for rule, sentences in against.items()
    ]


def impossible(table: str, record: Record) -> list[str]:
    """What breaks the blocking rules on ``table``."""
    from jarvis_dagster.hockey.events.integrity import rules_about

    blocking = [rule for rule in rules_about(table) if rule.blocking]
    return [sentence for rule in blocking for sentence in rule.against(record)]


def record_of(facts: dict[str, Any], **tables: Any) -> Record:
    """The record of a video with these facts (as ``footage/video`` keeps them) and tables."""
    from jarvis_dagster.hockey.events.integrity import Record

    fps, frames, seconds = facts["fps"], facts["frame_count"], facts["duration_s"]
    scan = tables.get("scan")
    if scan is not None and len(scan):
        frames = max(frames, int(scan["frame"].max()) + 1)
        seconds = max(seconds, float(scan["pts_s"].max()) + 1 / fps)
    return Record(fps, frames, seconds, **tables)


def boxes_are_inside(
    detections: pd.DataFrame, width_px: int, height_px: int
) -> dg.AssetCheckResult:
    """Check :data:`BOXES_ARE_INSIDE`."""
    box = detections
    wrong = (
        (box["x2_px"] <= box["x1_px"])
        | (box["y2_px"] <= box["y1_px"])
        | (box["x1_px"] < -1)
        | (box["y1_px"] < -1)
        | (box["x2_px"] > width_px + 1)
        | (box["y2_px"] > height_px + 1)
    )
    count = int(wrong.sum())
    said = [f"{count} boxes are empty or outside the picture."] if count else []
    return _result("boxes_are_inside", said, blocking=False)


def calibration_fits_the_lines(fit: dict[str, Any]) -> dg.AssetCheckResult:
    """Check :data:`CALIBRATION_FITS_THE_LINES` on what ``spotlight/calibration`` keeps of it."""
    given = fit["supported"] or fit["contradicted"]
    against = [fit["said"]] if given and not fit["fits"] else []
    return _result("calibration_fits_the_lines", against, blocking=False)


def _result(name: str, against: list[str], *, blocking: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not against,
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=" ".join(against) or None,
        metadata={"contradictions": len(against)},
    )
