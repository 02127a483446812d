"""Remembers the hashes of content that Google does not tell the hash of.

Belongs here: the SHA-256 of exports, by file and version. Does not belong
here: fetching them.
"""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.google.private_file import write_private
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hashes"]

_MOST = 10_000


class Hashes:
    """A JSON file of the newest hashes; a damaged one is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def sha256(self, key: str, fetch: Callable[[Path], None]) -> str:
        """The hash that belongs to ``key``; ``fetch`` brings the content if it is not known."""
        known = self._load().get(key)
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "content"
            fetch(path)
            digest = sha256_file(path)
        with self._lock:
            newest = list({**self._load(), key: digest}.items())[-_MOST:]
            write_private(self._path, json.dumps(dict(newest)))
        return digest

    def _load(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
