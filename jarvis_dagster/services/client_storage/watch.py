"""Which files of a local folder were touched, told by the kernel.

Belongs here: following a folder with inotify. Does not belong here: what
became of the files (``local.py`` looks at them).

The kernel queues an event when a file changes, so that asking reads all that
happened so far, and costs what happened, not what is there. Only file systems
of this machine are followed: on one that others write to, nobody is told.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inotify_simple import Event, INotify

__all__ = ["FolderWatch", "watch_of"]

_LOG = logging.getLogger(__name__)
_OWN_FILE_SYSTEMS = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
_LOOK_AT_ALL_EVERY_S = 600.0
"""So that what no event told of, such as a file behind a link, is seen all the same."""

_MOST_WATCHES = 16
_watches: dict[tuple[str, str], FolderWatch] = {}
_watches_lock = threading.Lock()


def watch_of(root: Path, reader: Path) -> FolderWatch:
    """The one watch that this process has of a folder for one reader, named by a file of its own.

    An event is told once: two readers of a folder need a watch each.
    """
    with _watches_lock:
        key = os.path.realpath(root), os.path.realpath(reader)
        watch = _watches.pop(key, None) or FolderWatch(root)
        _watches[key] = watch
        if len(_watches) > _MOST_WATCHES:
            _watches.pop(next(iter(_watches))).close()
        return watch


class FolderWatch:
    """Follows ``root`` and everything below it, from the first time it is asked.

    Hidden folders are not followed. Thread-safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._lock = threading.RLock()
        self._inotify: INotify | None = None
        self._folders: dict[int, str] = {}
        self._begun_s = 0.0
        self._process = os.getpid()
        self._noted_in = ""

    @contextlib.contextmanager
    def look(self, notes: str) -> Iterator[set[str] | None]:
        """Paths below the root that something happened to since the last look.

        None: anything may have happened; look at everything. A look that
        raises counts for nothing: the next one is at everything.

        Args:
            notes: Identity of what the looks are noted in; another one knows nothing.
        """
        with self._lock:
            touched = self._touched() if self._noted_in == notes else None
            self._noted_in = ""
            if touched is None:
                self._start_again()
            yield touched
            self._noted_in = notes

    def _touched(self) -> set[str] | None:
        late = time.monotonic() - self._begun_s > _LOOK_AT_ALL_EVERY_S
        # After a fork the queue is the parent's.
        if self._inotify is None or late or self._process != os.getpid():
            return None
        return self._read(self._inotify)

    def close(self) -> None:
        """Follow nothing; the next look begins anew."""
        with self._lock:
            self._close()

    def _start_again(self) -> None:
        """Follow the folder as it is now."""
        self._close()
        self._process = os.getpid()
        if not _is_on_this_machine(self._root):
            return
        try:
            from inotify_simple import INotify

            self._inotify = INotify()
            weakref.finalize(self, self._inotify.close)
            self._follow("")
        except (ImportError, OSError) as error:  # not Linux, or too many are followed
            _LOG.info("%s cannot be followed (%s); each look reads all of it.", self._root, error)
            self._close()
        self._begun_s = time.monotonic()

    def _close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
        self._inotify, self._folders = None, {}

    def _read(self, inotify: INotify) -> set[str] | None:
        from inotify_simple import flags

        touched: set[str] = set()
        try:
            while events := inotify.read(timeout=0):
                for event in events:
                    if event.mask & flags.Q_OVERFLOW:
                        return None
                    touched |= self._told(event)
        except OSError as error:
            _LOG.info("%s is no longer followed (%s); beginning anew.", self._root, error)
            return None
        return touched

    def _told(self, event: Event) -> set[str]:
        """The path that an event is about; folders that come are followed from here on."""
        from inotify_simple import flags

        if event.wd not in self._folders:
            return set()
        if event.mask & flags.IGNORED:  # the folder is gone
            return {self._folders.pop(event.wd)} - {""}
        if not event.name:
            return set()
        folder = self._folders[event.wd]
        path = f"{folder}/{event.name}" if folder else event.name
        if event.mask & flags.ISDIR:
            if event.mask & (flags.MOVED_FROM | flags.DELETE):
                self._forget(path)
            if event.mask & (flags.MOVED_TO | flags.CREATE):
                self._follow(path)
        return {path}

    def _follow(self, path: str) -> None:
        from inotify_simple import flags

        if self._inotify is None or (path and path.rsplit("/", 1)[-1].startswith(".")):
            return
        folder = os.path.join(self._root, path) if path else self._root  # noqa: PTH118
        wanted = (
            flags.CREATE
            | flags.DELETE
            | flags.MODIFY
            | flags.ATTRIB
            | flags.MOVED_FROM
            | flags.MOVED_TO
            | flags.ONLYDIR
            | flags.DONT_FOLLOW
        )
        try:
            self._folders[self._inotify.add_watch(folder, wanted)] = path
            with os.scandir(folder) as entries:
                below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):  # gone already
            return
        for name in below:
            self._follow(f"{path}/{name}" if path else name)

    def _forget(self, path: str) -> None:
        for number, folder in list(self._folders.items()):
            if folder == path or folder.startswith(f"{path}/"):
                del self._folders[number]
                if self._inotify is not None:
                    try:
                        self._inotify.rm_watch(number)
                    except OSError:  # it went with the folder
                        continue


def _is_on_this_machine(path: str) -> bool:
    """Whether only this machine writes to the file system of ``path``."""
    import psutil

    mounted = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    while path not in mounted and path != "/":
        path = os.path.dirname(path)  # noqa: PTH120
    return mounted.get(path, "") in _OWN_FILE_SYSTEMS
