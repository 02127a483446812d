"""The preflight report as one picture.

Belongs here: the plot. Does not belong here: any judgement.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.preflight.measures import RINK_ICE_SHARE
from jarvis_dagster.hockey.preflight.scanning import ICE_SHARE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["plot_preflight"]

_INK, _SOFT, _GRID = "#1f2937", "#6b7280", "#e5e7eb"
_GRADE_COLOURS = {"A": "#0f766e", "B": "#2563eb", "C": "#d97706", "D": "#b91c1c"}
_MAX_POINTS = 1200


def plot_preflight(scan: pd.DataFrame, report: dict[str, Any]) -> bytes:
    """A PNG: light, sharpness, camera movement and ice over time, and the grades.

    Args:
        scan: From ``scan_video``.
        report: From ``preflight``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.2), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, 2, width_ratios=(4.2, 1), wspace=0.04, hspace=0.08)
    times = scan["pts_s"].to_numpy(np.float64)
    minutes = bool(times.size and times[-1] > 240)
    axis_times = times / 60 if minutes else times
    shift = np.hypot(scan["dx_px"].to_numpy(np.float64), scan["dy_px"].to_numpy(np.float64))
    shift[~scan["motion_ok"].to_numpy(bool)] = np.nan
    rows: tuple[tuple[str, NDArray[np.float64], str], ...] = (
        ("brightness\n0 to 255", scan["luma"].to_numpy(np.float64), "#d97706"),
        ("sharpness", scan["sharpness"].to_numpy(np.float64), "#2563eb"),
        ("camera\npx a frame", shift, "#7c3aed"),
        ("ice in view", scan[ICE_SHARE].to_numpy(np.float64), "#0f766e"),
    )
    first = None
    for row, (label, values, colour) in enumerate(rows):
        axes = figure.add_subplot(grid[row, 0], sharex=first)
        first = first or axes
        _curve(axes, axis_times, values, label, colour)
        for cut in axis_times[scan["is_cut"].to_numpy(bool)]:
            axes.axvline(cut, color="#dc2626", linewidth=0.9, alpha=0.8)
        if row == len(rows) - 1:
            axes.axhline(RINK_ICE_SHARE, color=_SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.set_ylim(0, 1)
            axes.set_xlabel("minutes" if minutes else "seconds", color=_SOFT, fontsize=9)
        else:
            axes.tick_params(labelbottom=False)
    _grades(figure.add_subplot(grid[:, 1]), report)
    cuts = int(scan["is_cut"].sum())
    figure.suptitle(
        f"{_short(report['video']['name'])}   ·   {len(scan)} frames, {cuts} camera cuts"
        + (" (red)" if cuts else ""),
        color=_INK,
        fontsize=11,
        x=0.01,
        ha="left",
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _curve(
    axes: Any, times: NDArray[np.float64], values: NDArray[np.float64], label: str, colour: str
) -> None:
    """A line; for long videos the range within each bin, so that no spike is lost."""
    if len(values) > _MAX_POINTS:
        usable = np.nan_to_num(values, nan=0.0)
        starts = np.linspace(0, len(values), _MAX_POINTS, endpoint=False).astype(int)
        low = np.minimum.reduceat(usable, starts)
        high = np.maximum.reduceat(usable, starts)
        axes.fill_between(times[starts], low, high, color=colour, alpha=0.55, linewidth=0)
    else:
        axes.plot(times, values, color=colour, linewidth=1.3)
    axes.set_ylabel(label, color=_SOFT, fontsize=9)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_SOFT, labelsize=8, length=0)
    axes.margins(x=0.005)
    axes.set_ylim(bottom=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)


def _grades(axes: Any, report: dict[str, Any]) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.text(0.02, 0.985, "how far to trust", color=_SOFT, fontsize=9, va="top")
    for row, (name, judged) in enumerate(report["grades"].items()):
        y = 0.88 - row * 0.125
        known = judged["grade"] in _GRADE_COLOURS
        axes.text(
            0.12,
            y,
            judged["grade"] if known else "-",
            color="white",
            fontsize=11,
            fontweight="bold",
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": _GRADE_COLOURS.get(judged["grade"], "#9ca3af"),
                "edgecolor": "none",
            },
        )
        axes.text(0.28, y, name.replace("_", " "), color=_INK, fontsize=10, va="center")
        if not known:
            axes.text(0.28, y - 0.035, "not supported", color=_SOFT, fontsize=8, va="center")


def _short(name: str, limit: int = 60) -> str:
    shown = "".join(
        letter if letter.isprintable() and ord(letter) < 0x2000 else "?" for letter in name
    )
    shown = shown.replace("$", r"\$")
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
