"""JarvisClientStorageService: import what people upload, export what Jarvis found.

Belongs here: what is done with drives. Does not belong here: how a provider
works (``local.py``), and when a file is taken (the sensor).
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, ConfigError, NotSupportedError
from jarvis_dagster.services.client_storage.drive import FILE_TYPES, ROLES, file_type
from jarvis_dagster.services.client_storage.export import Export
from jarvis_dagster.services.client_storage.manifest import MANIFEST_NAME
from jarvis_dagster.services.client_storage.providers import open_drive
from jarvis_dagster.services.files import readable_file, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jarvis_dagster.services.client_storage.config import ClientStorageConfig
    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["JarvisClientStorageService"]

_LOG = logging.getLogger(__name__)


class JarvisClientStorageService:
    """The drives of the settings, by name."""

    def __init__(self, config: ClientStorageConfig) -> None:
        self.config = config
        self._drives: dict[str, Drive] = {}

    def drive(self, drive_name: str) -> Drive:
        """The drive of that name.

        Raises:
            ConfigError: no drive of that name is in the settings.
        """
        if drive_name not in self.config.drives:
            known = ", ".join(sorted(self.config.drives)) or "none"
            raise ConfigError(
                f"There is no drive named {drive_name!r}.",
                f"Add it to client_storage.drives; there are: {known}.",
            )
        if drive_name not in self._drives:
            self._drives[drive_name] = open_drive(
                self.config.drives[drive_name], self.config.state_of(drive_name)
            )
        return self._drives[drive_name]

    def check(self) -> None:
        """Return when every drive can be used; otherwise raise with a remedy."""
        for name in self.config.drives:
            self.drive(name).check()

    def import_user_media(
        self,
        drive_name: str,
        folder_id: str | None = None,
        file_types: Sequence[str] | None = None,
        component: str | None = None,
    ) -> list[Path]:
        """Download the files of a folder and what is below it.

        Each version of a file has its own place in the import folder, so that
        two files of one name never meet, and what is there is not fetched again.

        Args:
            file_types: ``images``, ``videos``, ``documents``, ``datasets``, or
                extensions such as ``.mp4``; None takes all.
            component: Imports into this component's own folder.

        Returns:
            One path a file, in the order of the drive's listing.
        """
        drive = self.drive(drive_name)
        wanted = _wanted(file_types)
        base = self.config.import_dir
        base = base / safe_name(component) if component else base
        paths = []
        for file in drive.list_all(folder_id, recursive=True):
            if file.is_folder or not _is_wanted(file, wanted):
                continue
            identity = hashlib.sha256(f"{file.id}\0{file.version}".encode()).hexdigest()[:16]
            path = base / safe_name(drive_name) / identity / safe_name(file.name)
            if not (path.is_file() and path.stat().st_size == file.size):
                drive.download(file.id, path)
            paths.append(path)
        return paths

    def export_results(
        self,
        results: Sequence[str | Path] | Mapping[str, str | Path],
        drive_name: str,
        folder_id: str | None = None,
        component: str | None = None,
        *,
        complete: bool = False,
        about: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Put files into a folder of a drive, with ``manifest.json`` beside them.

        May be run again, also after it was interrupted: what is there with the
        same content stays, what Jarvis exported before is replaced in one
        step, what a person changed or put there is kept and the new file
        becomes ``name (2)``. The manifest is written last, and names only
        files that are there.

        Args:
            results: Files; or names in the folder (``clips/goal.mp4``) and their files.
            complete: These are all results: earlier ones that are not among
                them go to the drive's trash, unless a person changed them.

            about: What the results were made from; kept in the manifest.

        Returns:
            The file ids, in the order of ``results``.
        """
        drive = self.drive(drive_name)
        named = _named(results)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            export = Export(drive, folder_id, Path(scratch))
            ids = export.run(named, about=about, complete=complete)
        _LOG.info("%s exported %d files to %s.", component or "Jarvis", len(named), drive_name)
        return ids

    def create_shared_folder(
        self,
        folder_name: str,
        drive_name: str,
        share_with: Sequence[str] | None = None,
        role: str = "reader",
    ) -> str:
        """A folder at the drive's root, shared with people; returns its id.

        Raises:
            NotSupportedError: there are people to share with and the drive
                knows no people; nothing was created.
        """
        if role not in ROLES:
            raise BadInputError(f"{role!r} is not a role.", f"Use one of {', '.join(ROLES)}.")
        drive = self.drive(drive_name)
        if share_with and not drive.can_share:
            raise NotSupportedError(
                f"The drive {drive_name} cannot share with people.",
                "Share its folder with the means of the machine or provider it is on.",
            )
        folder = drive.create_folder(folder_name)
        if share_with:
            drive.share(folder.id, share_with, role)
        return folder.id


def _wanted(file_types: Sequence[str] | None) -> set[str] | None:
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


def _is_wanted(file: DriveFile, wanted: set[str] | None) -> bool:
    if wanted is None:
        return True
    return file_type(file.name) in wanted or any(
        kind.startswith(".") and file.name.lower().endswith(kind) for kind in wanted
    )


def _named(results: Sequence[str | Path] | Mapping[str, str | Path]) -> list[tuple[str, Path]]:
    """Safe names in the folder and their files; refuses two files of one name."""
    items: Iterable[tuple[str, str | Path]]
    if isinstance(results, str | Path):
        raise BadInputError("Results are a list of files, not one file.", "Put it into a list.")
    items = (
        results.items()
        if hasattr(results, "items")
        else ((Path(path).name, path) for path in results)
    )
    named: dict[str, Path] = {}
    for name, path in items:
        parts = name.split("/")
        if not all(parts) or {".", ".."} & set(parts):
            raise BadInputError(f"{name!r} is not a name for a result.", "Use plain/path/names.")
        safe = "/".join(safe_name(part) for part in parts)
        if safe.lower() in {known.lower() for known in (*named, MANIFEST_NAME)}:
            raise BadInputError(
                f"Two results are named {safe}.", "Pass a mapping of different names to files."
            )
        named[safe] = readable_file(path)
    return list(named.items())
