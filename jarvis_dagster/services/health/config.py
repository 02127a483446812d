"""Settings of the health checks.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HealthConfig"]


class HealthConfig(BaseModel):
    """How services are asked whether they work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_s: float = Field(30, gt=0, description="Seconds between two looks at a service.")
    timeout_s: float = Field(10, gt=0, description="Seconds that a service may take to answer.")
    tries: int = Field(
        3, ge=1, description="Looks in a row that have to fail until a service counts as down."
    )
