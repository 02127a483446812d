"""Settings of the workflow engine.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

__all__ = ["WorkflowConfig"]


class WorkflowConfig(BaseModel):
    """Where Temporal is, and which queue the workers serve."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: str = Field(
        default="127.0.0.1:7233", description="Host and port of the Temporal server."
    )
    namespace: str = Field(default="default", description="Temporal's namespace.")
    task_queue: str = Field(
        default="jarvis", description="The queue that workflows wait in and workers serve."
    )
    tls: bool = Field(default=False, description="Whether to speak TLS to the Temporal server.")
    api_key: SecretStr | None = Field(
        default=None, description="API key of the Temporal server; empty means none."
    )
    timeout_s: float = Field(
        default=10.0, gt=0, description="Seconds to wait for an answer of the Temporal server."
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a call is tried when the server is away."
    )
    max_concurrent_activities: int = Field(
        default=2, ge=1, description="How many steps one worker process runs at a time."
    )
    graceful_stop_s: float = Field(
        default=30.0, ge=0, description="Seconds that a stopping worker lets its steps finish."
    )

    @model_validator(mode="after")
    def _key_is_not_sent_in_the_clear(self) -> WorkflowConfig:
        if self.api_key is not None and not self.tls:
            raise ValueError("api_key needs tls, or everybody on the way can read it")
        return self
