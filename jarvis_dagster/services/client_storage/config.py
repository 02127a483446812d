"""Settings of the drives.

Belongs here: what a person may set. Does not belong here: drives, behaviour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ClientStorageConfig", "DriveConfig"]


class DriveConfig(BaseModel):
    """One drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["local"] = Field(
        default="local", description="The provider: `local` is a folder of this machine."
    )
    root: Path = Field(description="The folder that is the drive; created when it is missing.")


class ClientStorageConfig(BaseModel):
    """The drives that people put footage into and take results from."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    drives: dict[str, DriveConfig] = Field(
        default_factory=dict, description="The drives by the name that people call them."
    )
    import_dir: Path = Field(description="The folder that imported files are downloaded to.")
