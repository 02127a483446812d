"""Settings of a OneDrive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OneDriveConfig"]


class OneDriveConfig(BaseModel):
    """One OneDrive, personal or of an organisation."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["onedrive"] = Field(description="The provider: OneDrive.")
