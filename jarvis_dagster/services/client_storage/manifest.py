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
    pending: list[ManifestEntry] = pydantic.Field(
        default_factory=list,
        description="Files that an export was about to write; empty when it was finished.",
    )

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """The manifest in a file; an empty one where it is damaged."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValueError as error:
            _LOG.warning("The manifest %s is damaged (%s); it is made anew.", path.name, error)
            return cls()

    def write(self, path: Path) -> Path:
        """Write it, sorted; returns ``path``."""
        content: dict[str, object] = {
            "jarvis_manifest": self.jarvis_manifest,
            "about": self.about,
            "files": _sorted(self.files),
        }
        if self.pending:
            content["pending"] = _sorted(self.pending)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return path

    def is_own(self, file: str, sha256: str) -> bool:
        """Whether a file of that name and content is one that Jarvis wrote."""
        return any(e.file == file and e.sha256 == sha256 for e in (*self.files, *self.pending))


def _sorted(entries: list[ManifestEntry]) -> list[dict[str, object]]:
    return sorted((entry.model_dump() for entry in entries), key=lambda e: str(e["file"]))
