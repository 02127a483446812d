"""Settings of experiment tracking.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

import urllib.parse

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ExperimentConfig"]


class ExperimentConfig(BaseModel):
    """Where MLflow is."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tracking_uri: str = Field(
        default="http://127.0.0.1:5000",
        description="MLflow's tracking server, or its database (`sqlite:///path`). Passwords are "
        "not part of it: MLflow takes them from MLFLOW_TRACKING_USERNAME and _PASSWORD.",
    )
    artifact_root: str | None = Field(
        default=None,
        description="Where new experiments keep files (`s3://…`, a folder); empty means the "
        "server decides. Needed with a database.",
    )
    timeout_s: int = Field(
        default=30, ge=1, description="Seconds to wait for an answer of the tracking server."
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a call is tried when the server is away."
    )

    patient_attempts: int = Field(
        default=11,
        ge=1,
        le=100,
        description="How often the end of a run is tried, which must not get lost; 11 are a"
        " minute.",
    )

    @model_validator(mode="after")
    def _usable(self) -> ExperimentConfig:
        parts = urllib.parse.urlsplit(self.tracking_uri)
        if parts.password:
            # The address is shown in messages and by `jarvis config show`.
            raise ValueError("tracking_uri must not hold a password; use MLFLOW_TRACKING_PASSWORD")
        if parts.scheme not in {"http", "https"} and self.artifact_root is None:
            raise ValueError("artifact_root is needed when tracking_uri is a database")
        return self
