"""Which files take part.

Belongs here: patterns and sizes. Does not belong here: what happens to what
does not take part (nothing).
"""

from __future__ import annotations

import dataclasses
import functools
import re

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.sync.names import composed

__all__ = ["MARKER", "Filter"]

MARKER = re.compile(r"jarvis-sync-([0-9a-f]{16})\.txt")
"""The name of the file by which a pair of folders is recognised."""


@dataclasses.dataclass(frozen=True)
class Filter:
    """Files that take part.

    A pattern without ``/`` is for a name anywhere, one with ``/`` for a path
    from the top. ``*`` is any text without ``/``, ``**`` any text, ``?`` one
    character; case counts. A folder that is excluded is so with all in it.

    Attributes:
        include: If there are any, a file has to match one; folders need not.
        exclude: A file or folder that matches one is left out.
        max_bytes: Larger files are left out; None is no limit.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        for pattern in (*self.include, *self.exclude):
            if not pattern.strip("/"):
                raise BadInputError(f"{pattern!r} is not a pattern.", "As in '*.mov' or 'Raw/**'.")
        if self.max_bytes is not None and self.max_bytes < 0:
            raise BadInputError("The size limit is below zero.", "Leave it out for no limit.")

    def leaves_out(self, path: str, *, size: int = 0, is_folder: bool = False) -> bool:
        """Whether this file or folder does not take part; its folders are not looked at.

        The markers of other pairs never do.
        """
        if MARKER.fullmatch(path.rpartition("/")[2]) or _matches(self.exclude, path):
            return True
        if is_folder:
            return False
        if self.max_bytes is not None and size > self.max_bytes:
            return True
        return bool(self.include) and not _matches(self.include, path)


def _matches(patterns: tuple[str, ...], path: str) -> bool:
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = composed(pattern).rstrip("/")
    anywhere = "/" not in text
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text.removeprefix("/"))
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(wild.get(part) or re.escape(part) for part in parts)
    return re.compile(("(?:.*/)?" if anywhere else "") + body, re.DOTALL)
