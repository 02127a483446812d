"""Settings of the workflow engine.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from jarvis_dagster.services.workflow.names import WORKFLOWS

__all__ = ["TriggerConfig", "WorkflowConfig"]


class TriggerConfig(BaseModel):
    """A workflow that starts when something happens."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    event: str = Field(description="The kind of event, as in `run_failed` or `run_*`.")
    workflow: str = Field(description="The workflow to start.")
    input: dict[str, Any] = Field(
        default_factory=dict,
        description="Its input; `{name}` stands for what the event tells under that name.",
    )
    where: dict[str, str] = Field(
        default_factory=dict,
        description="Only for events that tell this, by name; patterns as in `north-*`.",
    )

    @field_validator("workflow")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in WORKFLOWS:
            raise ValueError(f"there is no workflow {value!r}; use one of {', '.join(WORKFLOWS)}")
        return value


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
        default=2,
        ge=1,
        description="How many steps of a kind one worker process runs at a time, at most; of "
        "trainings one.",
    )
    heartbeat_s: float = Field(
        default=20.0,
        ge=2,
        description="Seconds of silence after which a part of a long video is given to another "
        "worker.",
    )
    fan_out_minutes: float | None = Field(
        default=None,
        gt=0,
        description="Videos from this length on are looked at in parts by all workers of the kind "
        "`vision`; empty: by Dagster's own run, in one piece.",
    )
    segment_s: float = Field(
        default=60.0, ge=1, description="Length of those parts in seconds of video."
    )
    cpu_target: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="A worker takes no further step while more of the processors is in use.",
    )
    memory_target: float = Field(
        default=0.8,
        gt=0,
        le=0.95,
        description="A worker takes no further step while more of the memory is in use.",
    )
    metrics_address: str | None = Field(
        default=None,
        description="Host and port where Prometheus finds the worker's metrics; empty is nowhere. "
        "Workers that `jarvis worker --autoscale` starts take the ports after it.",
    )
    graceful_stop_s: float = Field(
        default=30.0, ge=0, description="Seconds that a stopping worker lets its steps finish."
    )

    payload_kib: int = Field(
        default=128,
        ge=1,
        le=1900,
        description="Inputs and results larger than this many KiB are kept in the object store, "
        "and Temporal keeps their keys; it takes none over 2 MiB.",
    )
    dagster_url: str | None = Field(
        default=None,
        description="Dagster's webserver, for workflows that launch runs; empty means the embedded "
        "one.",
    )
    triggers: tuple[TriggerConfig, ...] = Field(
        default=(), description="Workflows that start when something happens."
    )

    @model_validator(mode="after")
    def _key_is_not_sent_in_the_clear(self) -> WorkflowConfig:
        if self.api_key is not None and not self.tls:
            raise ValueError("api_key needs tls, or everybody on the way can read it")
        return self
