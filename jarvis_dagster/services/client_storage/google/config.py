"""Settings of a Google Drive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["GoogleDriveConfig"]


class GoogleDriveConfig(BaseModel):
    """One Google Drive, or one shared drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["google"] = Field(description="The provider: Google Drive.")
