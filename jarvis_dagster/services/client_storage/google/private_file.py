"""Files that nobody else on this machine may read.

Belongs here: writing them in one step. Does not belong here: what is in them.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_private"]


def write_private(path: Path, text: str) -> None:
    """Replace a file by one with mode 0600, in a folder with mode 0700 where it is made."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise PermanentError(
            f"{path} cannot be written ({error.strerror}).", "Check the folder's permissions."
        ) from error
