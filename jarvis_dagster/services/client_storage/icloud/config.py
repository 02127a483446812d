"""Settings of an iCloud Drive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ICloudDriveConfig"]


class ICloudDriveConfig(BaseModel):
    """One iCloud Drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["icloud"] = Field(description="The provider: iCloud Drive.")
