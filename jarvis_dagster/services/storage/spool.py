"""Large encoded content on the local disk while it is sent.

Belongs here: finding the file that a killed process left, and who may use it.
Does not belong here: encoding and sending.

Encrypting the same content twice gives different bytes, so an upload can only
be resumed from the file that it began with. A spool file is complete once its
description (``.json``) is beside it; a process locks the file that it uses.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jarvis_dagster.errors import NoRoomError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Spool", "Spooled"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclasses.dataclass(frozen=True)
class Spooled:
    """Encoded content in a file, with the metadata it must be stored with."""

    path: Path
    metadata: Mapping[str, str]

    @property
    def identity(self) -> str:
        """Names these very bytes."""
        return self.path.name


class Spool:
    """A folder of encoded files, readable by this user only."""

    def __init__(self, folder: Path | None, keep_s: float) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"jarvis-spool-{os.getuid()}"
        self._keep_s = keep_s

    @contextlib.contextmanager
    def file(
        self,
        names: list[str],
        encode: Callable[[IO[bytes]], Mapping[str, str]],
        is_usable: Callable[[Spooled], bool],
    ) -> Iterator[Spooled]:
        """The file for what ``names`` describe: one that was left, or a new one.

        It is deleted when the block ends well, and left when it does not.

        Args:
            encode: Writes the file and returns its metadata.
            is_usable: Whether a file that was left can still be read once it is stored.

        Raises:
            NoRoomError: the disk is full.
            PermanentError: the folder cannot be written.
        """
        stem = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clean()
            with contextlib.ExitStack() as stack:
                spooled = self._left(stem, stack, is_usable) or self._new(stem, stack, encode)
                yield spooled
                self._delete(spooled.path)
        except OSError as error:
            if error.errno in _FULL:
                raise NoRoomError(
                    f"No space is left on the disk of the spool folder {self._folder}.",
                    "Free some space there, or set storage.spool_dir to a folder of another disk.",
                ) from error
            raise PermanentError(
                f"The spool folder {self._folder} cannot be used ({error.strerror}).",
                "See to its permissions, or set storage.spool_dir.",
            ) from error

    def _left(
        self, stem: str, stack: contextlib.ExitStack, is_usable: Callable[[Spooled], bool]
    ) -> Spooled | None:
        for described in sorted(self._folder.glob(f"{stem}-*.json")):
            path = described.with_suffix(".part")
            with contextlib.suppress(OSError, ValueError):
                lock = path.open("rb")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    spooled = Spooled(path, dict(json.loads(described.read_text("utf-8"))))
                except (OSError, ValueError):  # in use, or half a description
                    lock.close()
                    raise
                stack.enter_context(lock)
                if is_usable(spooled):
                    return spooled
                self._delete(path)
        return None

    def _new(
        self,
        stem: str,
        stack: contextlib.ExitStack,
        encode: Callable[[IO[bytes]], Mapping[str, str]],
    ) -> Spooled:
        path = self._folder / f"{stem}-{secrets.token_hex(8)}.part"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        stream = stack.enter_context(os.fdopen(descriptor, "wb"))
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            metadata = encode(stream)
            stream.flush()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        described = path.with_suffix(".json")
        partial = path.with_suffix(".tmp")
        partial.write_text(json.dumps(dict(metadata)), "utf-8")
        partial.replace(described)
        return Spooled(path, metadata)

    def _delete(self, path: Path) -> None:
        for suffix in (".json", ".part"):
            path.with_suffix(suffix).unlink(missing_ok=True)

    def _clean(self) -> None:
        """Delete what nobody uses any more."""
        for path in self._folder.glob("*.part"):
            with contextlib.suppress(OSError), path.open("rb") as stream:
                if time.time() - path.stat().st_mtime > self._keep_s:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._delete(path)
