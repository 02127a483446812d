"""Dashboards as files that Grafana reads.

Belongs here: the form of a dashboard and its Grafana JSON. Does not belong
here: the metrics in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Dashboard", "Panel", "read_dashboard", "write_dashboard"]

_COLUMNS, _WIDTH, _HEIGHT = 24, 12, 8  # Grafana's grid


class Panel(pydantic.BaseModel):
    """One picture of a dashboard."""

    model_config = pydantic.ConfigDict(extra="forbid")

    title: str = pydantic.Field(min_length=1, description="What it shows.")
    expr: str = pydantic.Field(min_length=1, description="PromQL.")
    type: Literal["timeseries", "stat", "gauge", "barchart", "table"] = pydantic.Field(
        default="timeseries", description="How it is drawn."
    )
    unit: str = pydantic.Field(
        default="short", description="Grafana's unit: s, bytes, percentunit."
    )


class Dashboard(pydantic.BaseModel):
    """A page of panels."""

    model_config = pydantic.ConfigDict(extra="forbid")

    title: str = pydantic.Field(min_length=1, max_length=200, description="Name of the page.")
    panels: list[Panel] = pydantic.Field(min_length=1, max_length=100, description="The panels.")
    tags: list[str] = pydantic.Field(default_factory=list, description="Words to find it by.")
    refresh: str = pydantic.Field(
        default="30s", pattern=r"^\d+[smh]$", description="How often it is drawn anew."
    )


def read_dashboard(config: Mapping[str, Any]) -> Dashboard:
    """Check a dashboard.

    Raises:
        BadInputError: naming what is wrong with it.
    """
    try:
        return Dashboard.model_validate(dict(config))
    except pydantic.ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise BadInputError(f"The dashboard is not valid ({faults}).") from None


def write_dashboard(dashboard: Dashboard, folder: Path) -> str:
    """Write Grafana JSON; the same title is the same dashboard. Returns its id."""
    slug = re.sub(r"[^a-z0-9]+", "-", dashboard.title.lower()).strip("-")[:24]
    digest = hashlib.sha256(dashboard.title.encode()).hexdigest()[:8]
    uid = f"{slug}-{digest}".strip("-")
    content = {
        "uid": uid,
        "title": dashboard.title,
        "tags": ["jarvis", *dashboard.tags],
        "refresh": dashboard.refresh,
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / f"{uid}.json") as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return uid


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    per_row = _COLUMNS // _WIDTH
    place = {"x": number % per_row * _WIDTH, "y": number // per_row * _HEIGHT}
    source = {"type": "prometheus", "uid": "prometheus"}
    return {
        "id": number + 1,
        "title": panel.title,
        "type": panel.type,
        "datasource": source,
        "gridPos": {**place, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.expr, "datasource": source}],
    }
