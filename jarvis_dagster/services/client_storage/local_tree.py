"""The files below a folder: what may be named, and what is there.

Belongs here: paths that cannot leave the root, and descriptions of files. Does
not belong here: anything that changes a file (``local.py``).
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import logging
import mimetypes
import os
import stat
import time
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import DriveFile, is_temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["STATE", "LocalTree", "disk_errors"]

STATE = ".jarvis"
"""The folder of the root that Jarvis keeps its own state in."""

_LOG = logging.getLogger(__name__)
_TICK_S = 2.0
"""The coarsest clock of a file system in use."""


class LocalTree:
    """Reads a folder of this machine; ids are paths from ``root`` as they are on disk.

    Args:
        known: Folder in which is noted that the root was written to: from then on one that is
            missing, or empty as the place of a disk that is not mounted, is away and is not made
            anew.
    """

    def __init__(self, root: Path, known: Path | None = None) -> None:
        self.root = root.absolute()
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        self._known = None if known is None else known / f"seen-{name}"

    def require_root(self) -> None:
        """Return when the root is there; made where nothing was ever written to it.

        Raises:
            TransientError: it was written to, and is away.
        """
        mark, known = self.root / STATE / "drive", self._known
        if known is not None and known.exists():
            if mark.exists():  # asked second: another process makes it before the other
                return
            raise TransientError(
                f"The drive's folder {self.root} is away, or another is in its place.",
                f"Mount its disk; if another is meant, make the file {mark}.",
            )
        with disk_errors(str(self.root)):
            self.root.mkdir(parents=True, exist_ok=True)

    def note_root(self) -> None:
        """Note that the root was seen, before something is written to it."""
        self.require_root()
        if self._known is not None:
            for path in (self.root / STATE / "drive", self._known):
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()

    def inside(self, file_id: str) -> Path:
        """The path of an id; it exists or not, but cannot be outside of the root.

        Raises:
            BadInputError: it would be, or points there.
        """
        parts = file_id.split("/")
        if not all(parts) or {".", "..", STATE} & set(parts) or "\0" in file_id:
            raise BadInputError(
                f"{file_id!r} is not a path in the drive.",
                "Use names with / between them, as `jarvis drive ls` shows them.",
            )
        path = self.root.joinpath(*parts)
        # A link inside may point anywhere: what it points to has to be inside too.
        if not self._is_below(path):
            raise BadInputError(f"{file_id!r} points outside of the drive.", "Copy the file in.")
        return path

    def existing(self, file_id: str) -> Path:
        """The path of a file or folder that is there."""
        path = self.inside(file_id)
        if not path.exists():
            self.require_root()
            raise BadInputError(
                f"{file_id} does not exist in {self.root}.", "`jarvis drive ls` lists what does."
            )
        return path

    def file(self, file_id: str) -> Path:
        """The path of a file that is there."""
        path = self.existing(file_id)
        if not path.is_file():
            raise BadInputError(
                f"{file_id} is not a file.", "Give a file; `jarvis drive ls` lists what is there."
            )
        return path

    def folder(self, folder_id: str | None) -> Path:
        """The path of a folder that is there; the root is made."""
        if folder_id is None:
            self.require_root()
            return self.root
        path = self.existing(folder_id)
        if not path.is_dir():
            raise BadInputError(
                f"{folder_id} is not a folder.",
                "Give a folder; `jarvis drive ls` lists what is there.",
            )
        return path

    def child(self, folder: Path, name: str) -> Path | None:
        """The entry whose name is the same text, in whatever Unicode form."""
        exact = folder / name
        if exact.exists():
            return exact
        wanted = unicodedata.normalize("NFC", name)
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if unicodedata.normalize("NFC", entry.name) == wanted:
                    return folder / entry.name
        return None

    def describe(self, path: Path) -> DriveFile | None:
        """The entry as a value; None for what is gone, special or outside.

        Raises:
            TransientError: the whole root is away.
        """
        try:
            if not self._is_below(path):
                return None
            return self._describe(path.relative_to(self.root).as_posix(), path.stat())
        except (FileNotFoundError, NotADirectoryError):
            self.require_root()
            return None

    def walk(self, folder: Path, *, recursive: bool) -> Iterator[DriveFile]:
        """The visible entries of a folder, and of those below; not sorted.

        Links are followed to files and folders inside, but not walked through.
        """
        prefix = "" if folder == self.root else f"{folder.relative_to(self.root).as_posix()}/"
        yield from self._walk(str(folder), prefix, recursive=recursive, asked=True)

    def look_at(self, paths: Iterable[str]) -> tuple[list[DriveFile], list[str]]:
        """What is visible at these paths, folders with all that is below; and what is gone."""
        present: dict[str, DriveFile] = {}
        gone = []
        for path in paths:
            if any(is_temporary(part) for part in path.split("/")):
                continue
            file = self.describe(self.root / path)
            if file is None:
                gone.append(path)
                continue
            present[file.id] = file
            if file.is_folder and not (self.root / path).is_symlink():
                below = self.walk(self.root / path, recursive=True)
                present.update({entry.id: entry for entry in below})
        return list(present.values()), gone

    def _walk(
        self, folder: str, prefix: str, *, recursive: bool, asked: bool = False
    ) -> Iterator[DriveFile]:
        try:
            with disk_errors(folder), os.scandir(folder) as entries:
                found = [entry for entry in entries if not is_temporary(entry.name)]
        except BadInputError:
            if asked:
                raise
            return  # removed since its parent was read
        for entry in found:
            # Asking the directory entry saves looking up the path again: a
            # folder of thousands of files is looked at every few seconds.
            linked = entry.is_symlink()
            if linked and not self._is_below(entry.path):
                continue
            try:
                file = self._describe(prefix + entry.name, entry.stat())
            except OSError:  # a dangling link, or removed just now
                continue
            if file is None:
                continue
            yield file
            if recursive and file.is_folder and not linked:
                yield from self._walk(entry.path, f"{file.id}/", recursive=True)

    def _is_below(self, path: Path | str) -> bool:
        real, root = os.path.realpath(path), os.path.realpath(self.root)
        return os.path.commonpath([real, root]) == root

    def _describe(self, file_id: str, status: os.stat_result) -> DriveFile | None:
        try:
            file_id.encode()
        except UnicodeEncodeError:
            _LOG.warning("%r has a name that is not text; rename it.", file_id)
            return None
        modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
        path = unicodedata.normalize("NFC", file_id)
        parent = file_id.rpartition("/")[0]
        if stat.S_ISDIR(status.st_mode):
            return DriveFile(file_id, path, 0, "", modified, "", is_folder=True, parent_id=parent)
        if not stat.S_ISREG(status.st_mode):
            return None
        # The time of the last change of anything tells of edits that keep size and mtime.
        times = f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}"
        version = f"{status.st_size:x}-{times}-{status.st_ino:x}"
        media_type = mimetypes.guess_type(file_id)[0] or "application/octet-stream"
        changed = max(status.st_mtime, status.st_ctime)
        return DriveFile(
            *(file_id, path, status.st_size, version, modified, media_type),
            parent_id=parent,
            is_fresh=time.time() - changed < _TICK_S,
        )


@contextlib.contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Disk errors as errors of Jarvis: a full or read-only disk does not heal by itself."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise BadInputError(
            f"{what} is not there or in the way ({error.strerror}).",
            "`jarvis drive ls` lists what is there.",
        ) from error
    except OSError as error:
        raise PermanentError(
            f"{what} cannot be read or written ({error.strerror}).",
            "Check the folder's permissions and the free space.",
        ) from error
