"""Remembers the hash of files that have not changed.

Belongs here: the cache of one folder's hashes. Does not belong here: drives.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from jarvis_dagster.services.files import atomic_path, sha256_file

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["HashCache"]

_LOG = logging.getLogger(__name__)
_MOST = 20_000
_RACY_NS = 2_000_000_000


class HashCache:
    """SHA-256 by device, inode, size and times; kept in a JSON file.

    A file changed less than two seconds ago is hashed but not remembered: it
    could change once more within the same tick of the file system's clock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file's content in hex."""
        before = path.stat()
        key = _key(before)
        known = self._load()
        if key in known:
            return known[key]
        started_ns = time.time_ns()
        digest = sha256_file(path)
        unchanged = _key(path.stat()) == key
        if unchanged and started_ns - max(before.st_mtime_ns, before.st_ctime_ns) > _RACY_NS:
            known = self._load()  # another process may have added its own meanwhile
            known[key] = digest
            self._save(known)
        return digest

    def _load(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            _LOG.warning("The hashes in %s are not readable (%s); hashing anew.", self._path, error)
            return {}
        return content if isinstance(content, dict) else {}

    def _save(self, known: dict[str, str]) -> None:
        newest = dict(list(known.items())[-_MOST:])
        with atomic_path(self._path) as partial:
            partial.write_text(json.dumps(newest), "utf-8")


def _key(status: os.stat_result) -> str:
    parts = (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )
    return ":".join(map(str, parts))
