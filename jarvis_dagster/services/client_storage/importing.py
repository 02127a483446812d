"""One import: files of a drive's folder to this machine, and a manifest of them.

Belongs here: what is wanted, where it goes, what is there already. Does not
belong here: drives and components by name (``service.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError
from jarvis_dagster.services.client_storage.content import kind_of_content, kind_of_media_type
from jarvis_dagster.services.client_storage.drive import FILE_TYPES, file_type
from jarvis_dagster.services.files import atomic_path, safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile, Progress

__all__ = ["IMPORT_MANIFEST", "Caps", "Import", "wanted_kinds"]

IMPORT_MANIFEST = "import.json"
_LOG = logging.getLogger(__name__)
_SAVE_EVERY = 50
"""Files between two writings of the manifest; what it lacks is fetched again."""


@dataclasses.dataclass(frozen=True)
class Caps:
    """How much one import or export may move; None is no limit."""

    files: int | None = None
    size: int | None = None

    def require(self, files: int, size: int, where: str) -> None:
        """Return when this much may be moved.

        Raises:
            BadInputError: it may not; nothing was moved.
        """
        if self.files is not None and files > self.files:
            raise BadInputError(
                f"{where} has {files} files, and at most {self.files} may be moved at once.",
                "Name a smaller folder or fewer types of file, or raise the limit.",
            )
        if self.size is not None and size > self.size:
            raise BadInputError(
                f"{where} has {size:,} bytes, and at most {self.size:,} may be moved at once.",
                "Name a smaller folder or fewer types of file, or raise the limit.",
            )


def wanted_kinds(file_types: Sequence[str] | None) -> set[str] | None:
    """Kinds and extensions in lower case; None is everything.

    Raises:
        BadInputError: one of them is no kind and no extension.
    """
    if file_types is None:
        return None
    wanted = {kind.lower() for kind in file_types}
    unknown = {kind for kind in wanted if kind not in FILE_TYPES and not kind.startswith(".")}
    if unknown:
        raise BadInputError(
            f"{', '.join(sorted(unknown))} is not a type of file.",
            f"Use {', '.join(FILE_TYPES)} or an extension such as .mp4.",
        )
    return wanted


class Import:
    """Files into ``folder``, where each version of a file has a place of its own.

    Two files of one name never meet, what is there is not fetched again, and
    content that is there already under another name is linked, not stored twice.
    """

    def __init__(self, drive: Drive, folder: Path, wanted: set[str] | None, caps: Caps) -> None:
        self._drive = drive
        self._folder = folder
        self._wanted = wanted
        self._caps = caps
        self._entries = self._load()
        self._unsaved = 0
        self._places = {
            entry["sha256"]: entry["file"] for entry in self._entries.values() if entry["sha256"]
        }

    def run(self, folder_id: str | None, progress: Progress | None = None) -> list[Path]:
        """Fetch what is wanted of a folder and below; one path a file, in the drive's order.

        Raises:
            BadInputError: it is more than the caps allow; nothing was fetched.
        """
        files = [f for f in self._drive.list_all(folder_id, recursive=True) if self._may_be(f)]
        total = sum(file.size for file in files)
        self._caps.require(len(files), total, "The folder")
        paths, done = [], 0
        try:
            for file in files:
                path = self._bring(file)
                done += file.size
                if progress is not None:
                    progress(done, total)
                if path is not None:
                    paths.append(path)
        finally:
            self._save()
        return paths

    def _may_be(self, file: DriveFile) -> bool:
        """Whether it is wanted as far as name and media type tell."""
        if file.is_folder:
            return False
        if self._wanted is None or self._has_extension(file.name):
            return True
        kinds = {file_type(file.name), kind_of_media_type(file.media_type)}
        return bool(kinds & self._wanted) or kinds == {None}

    def _has_extension(self, name: str) -> bool:
        extensions = [kind for kind in self._wanted or () if kind.startswith(".")]
        return any(name.lower().endswith(extension) for extension in extensions)

    def _bring(self, file: DriveFile) -> Path | None:
        """The file on this machine; None where its content is not what is wanted."""
        identity = hashlib.sha256(f"{file.id}\0{file.version}".encode()).hexdigest()[:16]
        path = self._folder / identity / safe_name(file.name)
        entry = self._entries.get(identity)
        if entry is None or not self._is_there(path, entry):
            try:
                sha256 = self._fetch(file, path)
            except NotSupportedError as error:  # a shortcut to nothing, a form
                _LOG.warning("%s was not imported: %s", file.path, error)
                return None
            entry = self._note(identity, file, path, sha256)
        if self._wanted is None or self._has_extension(file.name):
            return path
        return path if entry["kind"] in self._wanted else None

    def _is_there(self, path: Path, entry: dict[str, Any]) -> bool:
        return path.is_file() and path.stat().st_size == entry["size"]

    def _fetch(self, file: DriveFile, path: Path) -> str:
        """Bring the content to ``path``, from here where it is here already; its hash."""
        if file.sha256 and self._link(file.sha256, path):
            return file.sha256
        self._drive.download(file.id, path)
        sha256 = sha256_file(path)
        self._link(sha256, path)
        return sha256

    def _link(self, sha256: str, path: Path) -> bool:
        """Make ``path`` the same file as one of that content, if there is one."""
        known = self._places.get(sha256)
        if known is None or not (self._folder / known).is_file():
            return False
        with contextlib.suppress(OSError), atomic_path(path) as partial:  # another file system
            partial.unlink()
            os.link(self._folder / known, partial)
            return True
        return False

    def _note(self, identity: str, file: DriveFile, path: Path, sha256: str) -> dict[str, Any]:
        place = path.relative_to(self._folder).as_posix()
        first = self._places.setdefault(sha256, place)
        entry = {
            "file": place,
            "drive_path": file.path,
            "file_id": file.id,
            "version": file.version,
            "size": path.stat().st_size,
            "sha256": sha256,
            "kind": kind_of_content(path),
            "duplicate_of": None if first == place else first,
        }
        self._entries[identity] = entry
        self._unsaved += 1
        if self._unsaved >= _SAVE_EVERY:
            self._save()
        return entry

    def _save(self) -> None:
        if self._unsaved:
            with atomic_path(self._folder / IMPORT_MANIFEST) as partial:
                content = {"jarvis_import": 1, "files": self._entries}
                text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
                partial.write_text(text, "utf-8")
            self._unsaved = 0

    def _load(self) -> dict[str, dict[str, Any]]:
        """What was imported before; what is not known of is fetched again."""
        path = self._folder / IMPORT_MANIFEST
        try:
            entries = json.loads(path.read_text("utf-8"))["files"]
            return {key: entry for key, entry in entries.items() if "sha256" in entry}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("%s is damaged (%s); files are fetched again.", path, error)
            return {}
