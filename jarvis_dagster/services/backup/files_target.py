"""Files on their way back into a data directory.

Belongs here: writing a file in one step, never outside the directory, and
reading it back. Does not belong here: what is restored, and in which order
(``restore.py``).
"""

from __future__ import annotations

import datetime
import errno
import os
import re
import secrets
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.backup.manifest import Entry

__all__ = ["remove_partial", "write_file"]

_BESIDE = ("-wal", "-shm", "-journal")
_PARTIAL = re.compile(r"\.[0-9a-f]{12}\.part")
_FULL = {errno.ENOSPC, errno.EDQUOT}


def write_file(root: Path, name: str, entry: Entry, content: Iterable[bytes]) -> None:
    """Write a file below ``root`` with its mode and time, and read it back.

    It is not forced onto the disk: that is done once for all files.

    Raises:
        TransientError: the disk is full.
        PermanentError: it cannot be written there, or reads back differently.
        DamagedError: of the content; nothing is written then.
    """
    path = _inside(root, name)
    try:
        _write(path, entry, content)
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError(
                f"No space is left on the disk of {path}.",
                "Free some space, then restore again: it goes on.",
            ) from error
        raise PermanentError(
            f"{path} cannot be written ({error.strerror}).", "Check the permissions there."
        ) from error
    if sha256_file(path) != entry.sha256:
        raise PermanentError(f"{path} is not what was written to it.", "Check that disk.")


def remove_partial(root: Path) -> None:
    """Remove files that a killed restore had not finished."""
    for path in root.rglob(".*.part"):
        if _PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink()


def _write(path: Path, entry: Entry, content: Iterable[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.writelines(content)
            os.fchmod(out.fileno(), int(entry.meta.get("mode", "600"), 8))
        if "modified" in entry.meta:
            when = datetime.datetime.fromisoformat(entry.meta["modified"]).timestamp()
            os.utime(partial, (when, when))
        if entry.kind == "sqlite":
            # The journal of another database would be played into this one.
            for suffix in _BESIDE:
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _inside(root: Path, name: str) -> Path:
    """A path below ``root``, whatever the name says."""
    parts = PurePosixPath(name).parts
    path = root.joinpath(*parts)
    if not parts or ".." in parts or name.startswith("/"):
        raise PermanentError(
            f"{name!r} is no name of a file in {root}.",
            "The snapshot may have been tampered with: `jarvis backup verify` tells.",
        )
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise PermanentError(f"{path} leads out of {root} by a link.", "Remove that link.")
    return path
