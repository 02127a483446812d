"""Settings of metrics, dashboards and alerts.

Belongs here: what a person may set. Does not belong here: collectors, behaviour.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnalyticsConfig"]


class AnalyticsConfig(BaseModel):
    """Where metrics are kept and where alerts go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics_dir: Path = Field(
        description="Folder that every process writes its metrics to and the endpoint reads."
    )
    dashboards_dir: Path = Field(
        description="Folder that dashboards are written to, in Grafana's JSON format."
    )
    alertmanager_url: str | None = Field(
        default=None, description="Alertmanager's address (`http://host:9093`); empty means none."
    )
    timeout_s: float = Field(
        default=10.0, gt=0, description="Seconds to wait for an answer of Alertmanager."
    )
    attempts: int = Field(
        default=4, ge=1, le=20, description="How often a call is tried when the server is away."
    )
