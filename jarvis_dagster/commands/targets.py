"""Files that a command is told to write.

Belongs here: finding out before the work that one cannot be written. Does not belong here:
writing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["require_file"]


def require_file(path: Path) -> Path:
    """``path``, whose folder is there now.

    Raises:
        BadInputError: it is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise BadInputError(f"{path} is a folder.", "Name a file to write.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be written ({error.strerror}: {path.parent}).", "Name another file."
        ) from error
    return path
