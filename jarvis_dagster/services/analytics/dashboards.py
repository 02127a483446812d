"""Dashboards: what is on them, and as Grafana has them.

Belongs here: the form of a dashboard, its Grafana JSON, and Jarvis' own (``boards/*.yaml``). Does
not belong here: the metrics in it, Grafana's API (``grafana.py``).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.services.analytics.checking import checked
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "Dashboard",
    "Panel",
    "Query",
    "grafana_json",
    "own_dashboards",
    "read_dashboard",
    "write_dashboard",
]

_COLUMNS, _WIDTH = 24, 12  # Grafana's grid
_HEIGHTS = {"stat": 4, "gauge": 5}
_SOURCE = {"type": "prometheus", "uid": "prometheus"}


class Query(pydantic.BaseModel):
    """One line of a panel."""

    model_config = pydantic.ConfigDict(extra="forbid")

    expr: str = pydantic.Field(min_length=1, description="PromQL.")
    legend: str = pydantic.Field(
        default="", description="Its name, as in `{{status}}`; empty means its labels."
    )


class Panel(pydantic.BaseModel):
    """One picture of a dashboard."""

    model_config = pydantic.ConfigDict(extra="forbid")

    title: str = pydantic.Field(min_length=1, description="What it shows.")
    description: str = pydantic.Field(default="", description="What to make of it.")
    expr: str | None = pydantic.Field(
        default=None, min_length=1, description="PromQL, where one query is all."
    )
    queries: list[Query] = pydantic.Field(
        default_factory=list, max_length=26, description="Several queries, each a line."
    )
    type: Literal["timeseries", "stat", "gauge", "barchart", "table"] = pydantic.Field(
        default="timeseries", description="How it is drawn."
    )
    unit: str = pydantic.Field(
        default="short", description="Grafana's unit: s, bytes, percentunit."
    )
    width: int = pydantic.Field(
        default=_WIDTH, ge=3, le=_COLUMNS, description="Of the 24 columns of a page."
    )
    bad_above: float | None = pydantic.Field(default=None, description="Red from here on.")
    bad_below: float | None = pydantic.Field(default=None, description="Red below this.")

    @pydantic.model_validator(mode="after")
    def _asks(self) -> Panel:
        if (self.expr is None) == (not self.queries):
            raise ValueError("needs either expr or queries")
        if self.bad_above is not None and self.bad_below is not None:
            raise ValueError("is bad either above or below a limit")
        return self

    @property
    def asked(self) -> list[Query]:
        """All its queries."""
        return self.queries or [Query(expr=self.expr or "")]


class Dashboard(pydantic.BaseModel):
    """A page of panels."""

    model_config = pydantic.ConfigDict(extra="forbid")

    title: str = pydantic.Field(min_length=1, max_length=200, description="Name of the page.")
    panels: list[Panel] = pydantic.Field(min_length=1, max_length=100, description="The panels.")
    tags: list[str] = pydantic.Field(default_factory=list, description="Words to find it by.")
    refresh: str = pydantic.Field(
        default="30s", pattern=r"^\d+[smh]$", description="How often it is drawn anew."
    )

    @property
    def uid(self) -> str:
        """Follows from the title: the same title is the same dashboard."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:24]
        digest = hashlib.sha256(self.title.encode()).hexdigest()[:8]
        return f"{slug}-{digest}".strip("-")


def read_dashboard(config: Mapping[str, Any]) -> Dashboard:
    """Check a dashboard.

    Raises:
        BadInputError: naming what is wrong with it.
    """
    return checked(Dashboard, config, "dashboard")


def own_dashboards() -> dict[str, Dashboard]:
    """Jarvis' own, by their short names: system, pipeline, vision, workflow, business."""
    import importlib.resources

    import yaml

    folder = importlib.resources.files("jarvis_dagster.services.analytics").joinpath("boards")
    return {
        path.name.removesuffix(".yaml"): read_dashboard(yaml.safe_load(path.read_text("utf-8")))
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".yaml")
    }


def grafana_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana stores it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["jarvis", *dashboard.tags],
        "refresh": dashboard.refresh,
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "editable": True,
        "panels": _placed(dashboard.panels),
    }


def write_dashboard(dashboard: Dashboard, folder: Path, name: str | None = None) -> Path:
    """Write Grafana JSON into ``folder``, as its uid or ``name``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name or dashboard.uid}.json"
    with atomic_path(path) as partial:
        text = json.dumps(grafana_json(dashboard), indent=2, ensure_ascii=False)
        partial.write_text(text + "\n", "utf-8")
    return path


def _placed(panels: list[Panel]) -> list[dict[str, Any]]:
    """From left to right, then down."""
    placed, x, y, row = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        height = _HEIGHTS.get(panel.type, 8)
        if x + panel.width > _COLUMNS:
            x, y, row = 0, y + row, 0
        grid = {"x": x, "y": y, "w": panel.width, "h": height}
        placed.append(_panel(number, panel, grid))
        x, row = x + panel.width, max(row, height)
    return placed


def _panel(number: int, panel: Panel, grid: dict[str, int]) -> dict[str, Any]:
    one_value = panel.type in {"stat", "gauge", "table", "barchart"}
    defaults: dict[str, Any] = {"unit": panel.unit}
    steps = _steps(panel)
    if steps:
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel.type == "gauge":
        defaults |= {"min": 0} | ({"max": 1} if panel.unit == "percentunit" else {})
    return {
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "type": panel.type,
        "datasource": _SOURCE,
        "gridPos": grid,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
        if panel.type in {"stat", "gauge"}
        else {},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "expr": query.expr.strip(),
                "legendFormat": query.legend or "__auto",
                "datasource": _SOURCE,
                "instant": one_value,
                "range": not one_value,
                **({"format": "table"} if panel.type == "table" else {}),
            }
            for at, query in enumerate(panel.asked)
        ],
    }


def _steps(panel: Panel) -> list[dict[str, Any]]:
    if panel.bad_above is not None:
        return [{"color": "green", "value": None}, {"color": "red", "value": panel.bad_above}]
    if panel.bad_below is not None:
        return [{"color": "red", "value": None}, {"color": "green", "value": panel.bad_below}]
    return []
