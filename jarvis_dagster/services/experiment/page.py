"""A comparison of runs as one HTML page that needs nothing else.

Belongs here: rows for the template, curves as SVG, pictures as data. Does not belong here: what
differs (``comparison.py``), looks (``comparison.html``).
"""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["COLOURS", "comparison_page"]

COLOURS = ("#0b5cad", "#c2410c", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be123c", "#4d7c0f")
"""Of the runs, in order; beyond eight they repeat with another dash."""
_DASHES = ("-", "--", ":")
_MOST_PICTURES = 12  # of one gallery and run; the rest is in MLflow
_MOST_PICTURE_BYTES = 400_000


def comparison_page(
    comparison: Mapping[str, Any],
    picture: Callable[[str, str], bytes] | None = None,
    *,
    title: str = "",
) -> str:
    """The page.

    Args:
        comparison: What ``compare_experiments`` returns.
        picture: The bytes of an artifact, by run id and path; None leaves pictures out.
    """
    import jinja2

    runs = {
        run_id: {**about, "colour": COLOURS[n % len(COLOURS)], "short": run_id[:8]}
        for n, (run_id, about) in enumerate(comparison["runs"].items())
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.services.experiment", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "signed": _signed, "duration": _duration}
    names = [about["name"] or about["short"] for about in runs.values()]
    return environment.get_template("comparison.html").render(
        title=title or " / ".join(names),
        runs=runs,
        parameters=comparison["parameters"],
        metrics=comparison["metrics"],
        curves={name: _curve(lines, list(runs)) for name, lines in comparison["curves"].items()},
        confusions={
            name: {run_id: _matrix(counts) for run_id, counts in by_run.items()}
            for name, by_run in comparison["confusions"].items()
        },
        galleries=_galleries(comparison["galleries"], picture),
        artifacts=comparison["artifacts"],
    )


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.5g}"


def _signed(value: float | None) -> str:
    return "" if value is None or value == 0 else f"{value:+.3g}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "running"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _curve(lines: Mapping[str, list[list[float]]], order: list[str]) -> str:
    """One chart, one line a run, as SVG that scales with the page."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axes = figure.add_subplot()
    for n, run_id in enumerate(order):
        line = lines.get(run_id, [])
        if line:
            axes.plot(
                *zip(*line, strict=True),
                color=COLOURS[n % len(COLOURS)],
                linestyle=_DASHES[n // len(COLOURS) % len(_DASHES)],
                linewidth=1.6,
                marker="o" if len(line) == 1 else "",
            )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e8ee", linewidth=0.8)
    axes.tick_params(labelsize=9, color="#9fb0c0", labelcolor="#5b6b7b")
    axes.set_xlabel("step", fontsize=9, color="#5b6b7b")
    target = io.BytesIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(target.getvalue()).decode()}"


def _matrix(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Rows of a confusion matrix, each cell with its share of the row."""
    said = list(dict.fromkeys(name for row in counts.values() for name in row))
    rows = []
    for true, row in counts.items():
        total = sum(row.values())
        cells = [
            {
                "count": row.get(name, 0),
                "share": row.get(name, 0) / total if total else 0.0,
                "right": name == true,
            }
            for name in said
        ]
        rows.append({"true": true, "cells": cells, "total": total})
    return {"said": said, "rows": rows}


def _galleries(
    galleries: Mapping[str, Mapping[str, list[dict[str, str]]]],
    picture: Callable[[str, str], bytes] | None,
) -> dict[str, dict[str, Any]]:
    """Pictures of errors as data; those that are too large are named."""
    shown: dict[str, dict[str, Any]] = {}
    for name, by_run in galleries.items():
        for run_id, entries in by_run.items():
            cards = []
            for entry in entries[:_MOST_PICTURES]:
                content = picture(run_id, f"errors/{name}/{entry['picture']}") if picture else b""
                small = 0 < len(content) <= _MOST_PICTURE_BYTES
                cards.append({**entry, "data": _data(content) if small else ""})
            more = len(entries) - len(cards)
            shown.setdefault(name, {})[run_id] = {"cards": cards, "more": more}
    return shown


def _data(content: bytes) -> str:
    """A picture as an address; its kind is told from the first bytes, not from its name."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}
    kind = next((kind for start, kind in kinds.items() if content.startswith(start)), "")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}" if kind else ""
