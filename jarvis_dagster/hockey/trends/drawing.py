"""One picture a finding: the numbers, what holds, and last season behind them.

Belongs here: matplotlib. Does not belong here: statistics, pages.
"""

from __future__ import annotations

import datetime
import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jarvis_dagster.hockey.trends.analysis import Finding

__all__ = ["draw"]

_INK, _MUTED, _GRID, _LAST = "#15212e", "#5b6b7b", "#e3e8ee", "#b9c4d0"
_COLOURS = {"better": "#12804a", "worse": "#c2401c", "changed": "#0b5cad", "": "#5b6b7b"}


def draw(finding: Finding, direction: str) -> bytes:
    """An SVG of 4.6 by 1.9 inches; the same finding gives the same bytes."""
    import matplotlib as mpl
    from matplotlib import dates as mdates
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Neither has types.
    make_locator: Any = mdates.AutoDateLocator
    make_formatter: Any = mdates.ConciseDateFormatter
    figure = Figure(figsize=(4.6, 1.9), layout="constrained")
    FigureCanvasSVG(figure)
    axes: Any = figure.subplots()
    colour = _COLOURS[direction]
    year = datetime.timedelta(days=365).days
    if len(finding.earlier):
        axes.plot(
            _dates(finding.earlier.days + year),
            finding.earlier.values,
            "o",
            ms=3.4,
            color=_LAST,
            label="last season",
        )
    when = _dates(finding.series.days)
    axes.plot(when, finding.series.values, "o", ms=4.2, color=_INK, label="this season")
    if len(when):
        _hold(axes, finding, when, colour)
    locator = make_locator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(make_formatter(locator))
    axes.tick_params(colors=_MUTED, labelsize=8, length=0)
    axes.grid(axis="y", color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.04, y=0.16)
    _room(axes, finding)
    for name in ("top", "right", "left"):
        axes.spines[name].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    if len(finding.earlier):
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            frameon=False,
            fontsize=7.5,
            labelcolor=_MUTED,
            borderaxespad=0,
            handletextpad=0.2,
            columnspacing=1,
        )
    target = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": finding.series.figure.name, "svg.fonttype": "path"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def _room(axes: Any, finding: Finding) -> None:
    """Axes that mean something where all numbers, or all days, are one."""
    values = np.concatenate([finding.series.values, finding.earlier.values])
    days = finding.series.days
    if len(values) and np.ptp(values) == 0:
        axes.set_ylim(values[0] - 1, values[0] + 1)
    if len(days) and np.ptp(days) == 0 and not len(finding.earlier):
        first, last = _dates(days[0] + np.array([-14.0, 14.0]))
        axes.set_xlim(first, last)


def _hold(axes: Any, finding: Finding, when: list[datetime.date], colour: str) -> None:
    """The line, or the levels, that hold."""
    line = finding.slope
    if finding.kind == "step":
        edges = [0, *(step.index for step in finding.steps), len(when)]
        for start, stop in itertools.pairwise(edges):
            level = float(np.median(finding.series.values[start:stop]))
            axes.hlines(level, when[start], when[stop - 1], color=colour, lw=2.4)
        for step in finding.steps:
            axes.axvline(when[step.index], color=colour, lw=0.9, ls=(0, (2, 3)))
    elif finding.kind == "slope" and line is not None:
        axes.plot([when[0], when[-1]], [line.start, line.end], color=colour, lw=2.4)
    elif line is not None:
        level = float(np.median(finding.series.values))
        axes.hlines(level, when[0], when[-1], color=_LAST, lw=1.6)


def _dates(days: np.ndarray) -> list[datetime.date]:
    return [datetime.date(1970, 1, 1) + datetime.timedelta(days=int(one)) for one in days]
