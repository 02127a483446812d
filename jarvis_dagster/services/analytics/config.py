"""Settings of metrics, dashboards and alerts.

Belongs here: what a person may set. Does not belong here: collectors, behaviour.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["AnalyticsConfig"]


class AnalyticsConfig(BaseModel):
    """Where metrics are kept and where alerts go."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    directory: Path = Field(
        description="Folder that every process keeps its metrics in and the endpoint reads; "
        "dashboards are written to `dashboards` in it, in Grafana's JSON format."
    )
    label_values: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="How many values a label of one metric may have; further ones are folded into "
        "`other`, and counted in `jarvis_metric_labels_folded_total`.",
    )
    grafana_url: str | None = Field(
        default=None, description="Grafana's address; empty means dashboards are files alone."
    )
    grafana_token: SecretStr | None = Field(
        default=None, description="A token of a Grafana service account that may edit dashboards."
    )
    grafana_folder: str = Field(default="Jarvis", description="Folder of Grafana for dashboards.")
    certificates: tuple[str, ...] = Field(
        default=(), description="`host:port` of TLS pages whose certificate is watched."
    )
    hook_token: SecretStr | None = Field(
        default=None,
        description="What Alertmanager has to show to have alerts told; empty means nothing.",
    )
    alertmanager_url: str | None = Field(
        default=None, description="Alertmanager's address (`http://host:9093`); empty means none."
    )
    timeout_s: float = Field(
        default=10.0, gt=0, description="Seconds to wait for an answer of Alertmanager or Grafana."
    )
    attempts: int = Field(
        default=4, ge=1, le=20, description="How often a call is tried when the server is away."
    )

    @field_validator("alertmanager_url", "grafana_url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")) or "@" in value:
            raise ValueError("must be http://host:port or https://host:port, without a password")
        return value.rstrip("/")
