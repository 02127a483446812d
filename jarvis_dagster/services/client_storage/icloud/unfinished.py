"""Uploads that a crash or an outage stopped between sent and named.

Belongs here: a note of each upload on disk while it is under way, and bringing
the drive back to before or after it. Does not belong here: the upload itself
(``uploading.py``).

Replacing a file takes three changes in iCloud Drive. Whatever stops them, the
old or the new file is there, and its content under some name; the note tells
the next call, of any process, to give that name back.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConflictError, JarvisError
from jarvis_dagster.services.client_storage.icloud.faults import GoneError
from jarvis_dagster.services.client_storage.icloud.names import is_interim
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.changing import Changer
    from jarvis_dagster.services.client_storage.icloud.nodes import Node
    from jarvis_dagster.services.client_storage.icloud.tree import ICloudTree

__all__ = ["Unfinished"]

_LOG = logging.getLogger(__name__)
_LONGEST_S = 86_400.0


class Unfinished:
    """The notes in a folder; one file each, so that processes do not disturb each other."""

    def __init__(self, folder: Path, tree: ICloudTree, changer: Changer) -> None:
        self._folder = folder
        self._tree = tree
        self._changer = changer
        self._active: set[str] = set()

    @contextlib.contextmanager
    def noted(self, sent: Node, old: Node | None) -> Iterator[None]:
        """Keep a note while a file that was sent gets its name, or that of an old one."""
        path = self._folder / f"{secrets.token_hex(8)}.json"
        note = {"by": _process(os.getpid()), "new": sent.id}
        if old is not None:
            note |= {"old": old.id, "name": old.name}
        self._active.add(path.name)
        try:
            with atomic_path(path) as partial:
                partial.write_text(json.dumps(note), "utf-8")
            try:
                yield
            except Exception:
                self._settle_if_possible(path, has_failed=True)
                raise
            path.unlink(missing_ok=True)
        finally:
            self._active.discard(path.name)

    def settle(self) -> None:
        """Undo or finish what nobody is busy with any more."""
        for path in sorted(self._folder.glob("*.json")):
            if path.name not in self._active and not self._is_busy(path):
                self._settle_if_possible(path)

    def _settle_if_possible(self, path: Path, *, has_failed: bool = False) -> None:
        try:
            self._settle(_read(path), has_failed=has_failed)
        except JarvisError as error:
            _LOG.warning("An upload to iCloud Drive that broke off is not undone yet: %s", error)
        else:
            path.unlink(missing_ok=True)

    def _settle(self, note: dict[str, Any], *, has_failed: bool) -> None:
        """Bring the drive back to before the upload, or to after it where the old file is gone.

        Args:
            has_failed: Whoever sent the file was told that it failed.
        """
        new = self._tree.locate(str(note.get("new")))
        if new is None:
            return
        if is_interim(new.name):  # it was not checked, and no other was thrown away for it
            self._discard(new)
        elif "old" in note and self._tree.locate(str(note["old"])) is None:
            with contextlib.suppress(ConflictError):  # the name is somebody else's now
                self._changer.name_in(new, str(note["name"]), exact=True)
        elif "old" in note or has_failed:
            self._discard(new)

    def _discard(self, new: Node) -> None:
        """Throw a file away that nobody was told of; whoever sent it still has it."""
        with contextlib.suppress(GoneError):
            self._changer.trash(new)

    def _is_busy(self, path: Path) -> bool:
        """Whether the process that wrote a note is still there, or may be."""
        by = _read(path).get("by")
        try:
            is_old = time.time() - path.stat().st_mtime > _LONGEST_S
        except FileNotFoundError:  # settled by somebody else
            return True
        if is_old or not isinstance(by, dict) or by == _process(os.getpid()):
            return False
        return by.get("host") != socket.gethostname() or by == _process(by.get("pid"))


def _process(pid: Any) -> dict[str, Any]:
    """What tells a process from every other one; a number alone is used again."""
    import psutil

    try:
        started = psutil.Process(pid).create_time()
    except (psutil.Error, TypeError, ValueError):
        started = None
    return {"host": socket.gethostname(), "pid": pid, "started": started}


def _read(path: Path) -> dict[str, Any]:
    """A note; empty where it is damaged, or settled by somebody else."""
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
