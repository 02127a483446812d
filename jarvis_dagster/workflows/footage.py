"""Files of the object store on a worker's disk, fetched once for all its steps.

Belongs here: the shared folder, its locks and its tidying. Does not belong here: what is made of
the files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["fetched"]

_KEPT_S = 6 * 3600.0
"""Files that nobody used for so long are deleted when another one is fetched."""


def fetched(storage: JarvisStorageService, key: str, folder: Path) -> tuple[Path, str]:
    """The object under ``key`` as a file named by its content, and the content's hash.

    Workers of one machine share ``folder``: one fetches, the others wait for it.

    Raises:
        PermanentError: there is no such object.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = storage.stat(key)
    sha256 = known.sha256 if known is not None else ""
    path = folder / f"{sha256 or 'unknown'}{PurePosixPath(key).suffix}"
    with _locked(path.with_name(f"{path.name}.lock")):
        if sha256 and path.is_file():
            os.utime(path)
            return path, sha256
        _tidy(folder)
        part = path.with_name(f"{path.name}.part")
        try:
            sha256 = storage.get_file(key, part).sha256
            path = folder / f"{sha256}{PurePosixPath(key).suffix}"
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path, sha256


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held by one process at a time; a killed one lets go."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tidy(folder: Path) -> None:
    limit = time.time() - _KEPT_S
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another worker tidies too, or has it whole
            if path.suffix != ".lock" and path.is_file() and path.stat().st_mtime < limit:
                path.unlink()
