"""The pictures of the report, as SVG or PNG data URIs.

Belongs here: matplotlib. Does not belong here: numbers that the text repeats
(:mod:`.statistics`).
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.events.motion import smooth

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["activity_plot", "data_uri", "heat_map", "presence_plot"]

_INK, _MUTED, _GRID = "#15212e", "#5b6b7b", "#e3e8ee"
_LANES = (
    ("rush", "Rush"),
    ("crowding", "Crowding"),
    ("zone_entry", "Zone entry"),
    ("shot", "Shot"),
    ("stoppage", "Stoppage"),
)
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_LANE_COLOUR = "#8a5a00"


def data_uri(data: bytes, kind: str) -> str:
    """``data`` as a URI that needs no request."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def activity_plot(
    series: dict[str, NDArray[np.float64]],
    events: list[dict[str, Any]],
    highlights: list[Any],
    fps: float,
    colours: dict[str, str],
) -> str:
    """Activity of the teams over time, with events below it."""
    lanes = [(kind, name) for kind, name in _LANES if any(e["type"] == kind for e in events)]
    figure = _figure(9.6, 2.7 + 0.24 * len(lanes))
    count = len(series[""])
    top, *rest = figure.subplots(
        2 if lanes else 1,
        1,
        sharex=True,
        squeeze=False,
        height_ratios=[2.4, 0.24 * len(lanes)] if lanes else [1],
    ).ravel()
    time = np.arange(count) / fps
    step = max(1, count // 2000)
    teams = [t for t in ("A", "B") if np.isfinite(series[t]).any()] or [""]
    for team in teams:
        line = smooth(series[team], max(3, round(fps * max(0.5, count / fps / 120))))
        name = f"Team {team}" if team else "Everyone in view"
        top.plot(time[::step], line[::step], color=colours.get(team, _INK), lw=1.8, label=name)
    for highlight in highlights:
        top.axvspan(highlight.start_s, highlight.end_s, color="#f5b800", alpha=0.16, lw=0)
    for event in events:
        if event["type"] == "camera_cut":
            top.axvline(event["start_s"], color=_MUTED, lw=0.8, ls=(0, (3, 3)))
    top.set_ylim(bottom=0)
    top.set_ylabel("Activity", color=_MUTED)
    top.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        frameon=False,
        ncols=2,
        labelcolor=_INK,
        fontsize=9,
        borderaxespad=0.2,
    )
    _tidy(top)
    if lanes:
        low = rest[0]
        for at, (kind, _) in enumerate(lanes):
            spans = [
                (e["start_s"], max(e["end_s"] - e["start_s"], count / fps / 400))
                for e in events
                if e["type"] == kind
            ]
            low.broken_barh(spans, (at - 0.32, 0.64), color=_LANE_COLOUR, lw=0)
        low.set_yticks(range(len(lanes)), [name for _, name in lanes])
        low.set_ylim(len(lanes) - 0.5, -0.5)
        _tidy(low)
        low.grid(visible=False, axis="y")
    _time_axis(figure.axes[-1], count / fps)
    return _svg(figure)


def presence_plot(
    people: list[dict[str, Any]],
    tracks: pd.DataFrame,
    duration_s: float,
    fps: float,
    colours: dict[str, str],
) -> str:
    """When each of ``people`` was in view, one bar a track."""
    order = sorted(people, key=lambda p: ("ABZ".index(p["team"] or "Z"), p["role"], p["first_s"]))
    figure = _figure(9.6, 0.75 + 0.2 * len(order))
    axes = figure.subplots()
    spans_of = _spans(tracks, fps)
    for at, person in enumerate(order):
        colour = colours.get(person["team"], "#8894a1")
        axes.broken_barh(spans_of[person["track_id"]], (at - 0.36, 0.72), color=colour, lw=0)
    labels = [
        f"{_short(person['role'])} {person['track_id']}"
        + (f"  ·  {person['team']}" if person["team"] else "")
        for person in order
    ]
    axes.set_yticks(range(len(order)), labels, fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    _tidy(axes)
    axes.grid(visible=False, axis="y")
    _time_axis(axes, duration_s)
    return _svg(figure)


def heat_map(
    tracks: pd.DataFrame, positions: pd.DataFrame, rink: str, team: str, colour: str
) -> str:
    """Where the skaters of ``team`` ("": everyone) were, over the rink.

    Goalkeepers are left out: they stand in one place, and would outshine the rest.
    """
    import cv2
    from matplotlib.colors import LinearSegmentedColormap

    from jarvis_dagster.hockey.rink import draw_rink, rink_to_minimap

    width = 720
    roles = tracks[["frame", "track_id", "role", "team"]]
    joined = positions[positions["valid"]].merge(roles, on=["frame", "track_id"])
    joined = joined[joined["role"] == "player"]
    mine = joined if not team else joined[joined["team"] == team]
    base = draw_rink(width, rink)[..., ::-1]
    pixels = rink_to_minimap(mine[["x_ft", "y_ft"]].to_numpy(np.float64), width, rink)
    heat, _, _ = np.histogram2d(
        pixels[:, 1],
        pixels[:, 0],
        bins=[base.shape[0] // 2, width // 2],
        range=[[0, base.shape[0]], [0, width]],
    )
    heat = cv2.GaussianBlur(heat, (0, 0), 8)
    # A face-off that drags on must not hide the rest: the top percent is one colour.
    peak = float(np.percentile(heat[heat > 0], 99)) if heat.any() else 1.0
    level = np.clip(heat / peak, 0, 1) ** 0.7
    figure = _figure(5.2, 5.2 * base.shape[0] / base.shape[1])
    figure.set_layout_engine("none")  # the picture fills the figure
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(base)
    axes.imshow(
        level,
        cmap=LinearSegmentedColormap.from_list("ramp", ["white", colour]),
        alpha=0.8 * np.clip(1.5 * level, 0, 1),
        extent=(0, width, base.shape[0], 0),
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    axes.set_axis_off()
    return _png(figure)


def _spans(tracks: pd.DataFrame, fps: float) -> dict[int, list[tuple[float, float]]]:
    """Start and length in seconds of every unbroken presence, by track."""
    spans: dict[int, list[tuple[float, float]]] = {}
    for key, rows in tracks.sort_values("frame").groupby("track_id"):
        seconds = rows["pts_s"].to_numpy(np.float64)
        pieces = np.split(seconds, np.flatnonzero(np.diff(rows["frame"].to_numpy()) > 1) + 1)
        spans[int(str(key))] = [
            (float(p[0]), float(p[-1] - p[0] + 1 / fps)) for p in pieces if len(p)
        ]
    return spans


def _short(role: str) -> str:
    return {"goalkeeper": "Goalie", "referee": "Referee", "player": "Player"}.get(role, role)


def _figure(width_in: float, height_in: float) -> Figure:
    # The object interface: no global state, so reports can be written in threads.
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained", facecolor="none")


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.set_facecolor("none")
    axes.tick_params(colors=_MUTED, length=0, labelsize=9)
    axes.grid(visible=True, axis="y", color=_GRID, lw=0.8)
    axes.set_axisbelow(True)


def _time_axis(axes: Any, duration_s: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    axes.set_xlim(0, duration_s)
    step = next((s for s in _TICKS_S if duration_s / s <= 11), _TICKS_S[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: _clock(s, duration_s)))


def _clock(seconds: float, duration_s: float) -> str:
    if duration_s < 20:
        return f"{seconds:g} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    buffer = io.BytesIO()
    # No date and a fixed salt: the same report has the same bytes.
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "jarvis"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return data_uri(buffer.getvalue(), "image/svg+xml")


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return data_uri(buffer.getvalue(), "image/png")
