"""The manifest of exported results: which files, how big, with which content.

Belongs here: its form. Does not belong here: how files get into a drive.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pydantic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST_NAME", "Manifest", "ManifestEntry"]

MANIFEST_NAME = "manifest.json"
_LOG = logging.getLogger(__name__)


class ManifestEntry(pydantic.BaseModel):
    """One exported file."""

    file: str = pydantic.Field(description="Path from the manifest's folder.")
    size: int = pydantic.Field(ge=0, description="Bytes.")
    sha256: str = pydantic.Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the content.")


class Manifest(pydantic.BaseModel):
    """All files that Jarvis has put into a folder. It has no times: same files, same bytes."""

    jarvis_manifest: int = pydantic.Field(default=1, ge=1, le=1, description="Version of the form.")
    about: dict[str, str] = pydantic.Field(
        default_factory=dict, description="What the files were made from, for whoever made them."
    )
    files: list[ManifestEntry] = pydantic.Field(default_factory=list, description="The files.")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """The manifest in a file; an empty one where it is damaged."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValueError as error:
            _LOG.warning("The manifest %s is damaged (%s); it is made anew.", path.name, error)
            return cls()

    def write(self, path: Path) -> None:
        """Write it, sorted."""
        files = sorted((entry.model_dump() for entry in self.files), key=lambda e: str(e["file"]))
        content = {"jarvis_manifest": self.jarvis_manifest, "about": self.about, "files": files}
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")

    def by_file(self) -> dict[str, ManifestEntry]:
        """The entries by file."""
        return {entry.file: entry for entry in self.files}
