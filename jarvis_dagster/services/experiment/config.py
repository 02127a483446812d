"""Settings of experiment tracking.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ExperimentConfig"]


class ExperimentConfig(BaseModel):
    """Where MLflow is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str = Field(
        default="http://127.0.0.1:5000",
        description="MLflow's tracking server, or its database (`sqlite:///path`).",
    )
    artifact_root: str | None = Field(
        default=None,
        description="Where new experiments keep files (`s3://…`, a folder); empty means the "
        "server decides.",
    )
    registry_uri: str | None = Field(
        default=None, description="The model registry; empty means the tracking server."
    )
    timeout_s: int = Field(
        default=30, ge=1, description="Seconds to wait for an answer of the tracking server."
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a call is tried when the server is away."
    )
