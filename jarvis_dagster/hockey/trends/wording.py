"""What a finding says, in words.

Belongs here: sentences. Does not belong here: statistics, pages.
"""

from __future__ import annotations

import calendar
import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.trends.series import LEAST_FOR_TREND

if TYPE_CHECKING:
    import datetime

    from jarvis_dagster.hockey.trends.analysis import Finding
    from jarvis_dagster.hockey.trends.series import Figure

__all__ = ["day", "direction", "latest", "number", "season", "verdict"]


def day(date: datetime.date) -> str:
    """``4 November 2026``."""
    return f"{date.day} {calendar.month_name[date.month]} {date.year}"


def number(value: float, figure: Figure, *, signed: bool = False, unit: bool = True) -> str:
    """The value as people are shown it, with its unit; the minus is a real one."""
    rounded = round(value, figure.digits) + 0.0  # never -0
    text = f"{rounded:{'+' if signed else ''},.{figure.digits}f}".replace("-", "\N{MINUS SIGN}")
    if not unit or not figure.unit:
        return text
    return f"{text}{'' if figure.unit == '%' else ' '}{figure.unit}"


def latest(finding: Finding, count: int = 5) -> float | None:
    """The median of the last few values."""
    import statistics

    values = finding.series.values[-count:]
    return statistics.median(values) if len(values) else None


def direction(finding: Finding) -> str:
    """``better``, ``worse`` or ``changed`` where something moved, otherwise empty."""
    if finding.kind == "slope" and finding.slope is not None:
        moved = finding.slope.per_month
    elif finding.kind == "step" and finding.steps:
        moved = finding.steps[-1].after - finding.steps[-1].before
    elif finding.season_differs and finding.season is not None:
        moved = finding.season.shift
    else:
        return ""
    better = finding.series.figure.better
    if not better or moved == 0:
        return "changed"
    return "better" if (moved > 0) == (better == "up") else "worse"


def verdict(finding: Finding, noun: str = "game") -> str:
    """What this season says, in one or two sentences."""
    figure, count = finding.series.figure, len(finding.series)
    over = f"{count} {noun}{'' if count == 1 else 's'}"
    line = finding.slope
    if line is None:
        return _too_few(count, noun)
    if line.low == line.high == 0 and finding.kind == "none":
        return f"The same in all {over}."
    finer = dataclasses.replace(figure, digits=max(1, figure.digits))
    between = (
        f"{number(line.low, finer, signed=True, unit=False)} to"
        f" {number(line.high, finer, signed=True)} a month"
    )
    if finding.kind == "step":
        steps = "; ".join(
            f"from {number(one.before, figure, unit=False)} to {number(one.after, figure)} around"
            f" {day(one.day)}"
            for one in finding.steps
        )
        return f"Changed {steps} ({over}).{_doubt(finding, noun)}"
    if finding.kind == "slope":
        word = "Rising" if line.per_month > 0 else "Falling"
        moved = number(abs(line.per_month), finer)
        inside = between.removesuffix(" a month")
        doubt = _doubt(finding, noun)
        return f"{word} by {moved} a month (95 % interval {inside}), over {over}.{doubt}"
    if line.low <= 0 <= line.high:
        return f"No clear trend: {between}, over {over}."
    return f"Not clear enough among so many figures: {between}, over {over}."


def _doubt(finding: Finding, noun: str) -> str:
    """What has to be said of a finding that may be a run of form; empty where it is none."""
    if not finding.may_be_form:
        return ""
    return f" So few {noun}s do not tell it from a run of form."


def _too_few(count: int, noun: str) -> str:
    if count >= LEAST_FOR_TREND:
        return f"All {count} {noun}s are of one day: no trend can be told."
    return f"Too few {noun}s to say: {count} of the {LEAST_FOR_TREND} that a trend needs."


def season(finding: Finding, noun: str = "game") -> str:
    """What the season before says; empty where there was none."""
    figure, earlier = finding.series.figure, len(finding.earlier)
    found = finding.season
    if found is None:
        if not earlier:
            return ""
        return f"Too few {noun}s to compare with last season ({len(finding.series)} and {earlier})."
    part = "the same part of last season" if found.same_part else "all of last season"
    counted = f"{found.games_now} {noun}s and {found.games_then}"
    between = (
        f"{number(found.low, figure, signed=True, unit=False)} to"
        f" {number(found.high, figure, signed=True)}"
    )
    if not finding.season_differs:
        return f"No clear difference from {part} ({between}; {counted})."
    return (
        f"{number(found.shift, figure, signed=True)} against {part} (95 % interval {between};"
        f" {counted}).{_doubt(finding, noun) if finding.kind == 'none' else ''}"
    )
