"""Settings of the drives.

Belongs here: what a person may set. Does not belong here: drives, behaviour;
the settings of one provider are in its own package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
from jarvis_dagster.services.client_storage.search.config import SearchConfig
from jarvis_dagster.services.files import safe_name

__all__ = ["AnyDriveConfig", "ClientStorageConfig", "LocalDriveConfig"]


class LocalDriveConfig(BaseModel):
    """A folder of this machine as a drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["local"] = Field(
        default="local", description="The provider: a folder of this machine."
    )
    root: Path = Field(description="The folder that is the drive; created when it is missing.")


def _kind(config: Any) -> str:
    """Which provider a section is for; a section that does not say so is a folder."""
    kind = config.get("kind", "local") if isinstance(config, dict) else config.kind
    return str(kind)


AnyDriveConfig = Annotated[
    Annotated[LocalDriveConfig, Tag("local")]
    | Annotated[GoogleDriveConfig, Tag("google")]
    | Annotated[ICloudDriveConfig, Tag("icloud")]
    | Annotated[OneDriveConfig, Tag("onedrive")],
    Discriminator(_kind),
]
"""One drive, by its ``kind``."""


class ClientStorageConfig(BaseModel):
    """The drives that people put footage into and take results from."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    drives: dict[str, AnyDriveConfig] = Field(
        default_factory=dict, description="The drives by the name that people call them."
    )
    import_dir: Path = Field(description="The folder that imported files are downloaded to.")
    state_dir: Path | None = Field(
        default=None,
        description="The folder that signed-in sessions and what is known of the drives are kept"
        " in; empty means `.drives` in `import_dir`.",
    )

    import_max_files: int | None = Field(
        default=None, ge=1, description="Most files that one import may fetch; empty is no limit."
    )
    import_max_bytes: int | None = Field(
        default=None, ge=1, description="Most bytes that one import may fetch; empty is no limit."
    )
    search: SearchConfig = Field(
        default_factory=SearchConfig, description="What the search reads of a file."
    )
    players: Path | None = Field(
        default=None,
        description="YAML list of players; material of a minor without a guardian's consent is not"
        " exported or shared. Empty: nobody is marked.",
    )

    def state_of(self, drive_name: str) -> Path:
        """The folder of what is known of one drive; nobody else may look into it."""
        return (self.state_dir or self.import_dir / ".drives") / safe_name(drive_name)
