"""Zip files from elsewhere, unpacked so that nothing leaves the folder.

Belongs here: names, sizes, ratios. Does not belong here: what is in the files.
"""

from __future__ import annotations

import dataclasses
import stat
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Limits", "inside", "unpack"]

_CHUNK = 1 << 20
_PART = 240  # characters of a path that every file system takes


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an archive may be at most."""

    files: int = 100_000
    total_bytes: int = 30 << 30
    file_bytes: int = 2 << 30
    ratio: int = 200
    """Unpacked over packed size of one file above a megabyte: labels reach 20, bombs 1,000."""


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Unpack a zip file into ``folder``.

    Raises:
        BadInputError: it is no zip file, or one with an entry that would leave the folder, is
            encrypted, a link, twice there, or larger than the limits; the message names it.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            _refuse(archive.name, entries, limits)
            done = 0
            for number, entry in enumerate(entries, 1):
                target = folder / PurePosixPath(entry.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                done += _copy(packed, entry, target, limits, limits.total_bytes - done)
                if progress:
                    progress(number, len(entries))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise BadInputError(
            f"{archive.name} cannot be unpacked ({error}).", "Export or download it again."
        ) from error
    except RuntimeError as error:  # encrypted; zipfile has no own error for it
        raise BadInputError(
            f"{archive.name} cannot be unpacked ({error}).", "Export it without a password."
        ) from error
    except Exception as error:  # zlib's own
        if type(error).__module__ != "zlib":
            raise
        raise BadInputError(
            f"{archive.name} is damaged ({error}).", "Export or download it again."
        ) from error
    return folder


def _refuse(archive: str, entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.files:
        raise BadInputError(
            f"{archive} holds {len(entries)} files, more than {limits.files}.", "Split it."
        )
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        what = _fault(name, entry)
        if what is None and name.casefold() in seen:
            what = "is there twice"
        seen.add(name.casefold())
        if what is not None:
            raise BadInputError(
                f"{archive}: the entry {name[:200]!r} {what}.", "Export the dataset again."
            )
        if entry.file_size > limits.file_bytes:
            raise BadInputError(
                f"{archive}: {name[:200]!r} has {entry.file_size} bytes,"
                f" more than {limits.file_bytes}.",
                "Leave it out.",
            )
        if entry.file_size > _CHUNK and entry.file_size > limits.ratio * entry.compress_size:
            raise BadInputError(
                f"{archive}: {name[:200]!r} would grow {limits.ratio} times and more.",
                "That is what a zip bomb looks like; export the dataset again.",
            )
    if sum(entry.file_size for entry in entries) > limits.total_bytes:
        raise BadInputError(
            f"{archive} unpacks to more than {limits.total_bytes} bytes.", "Split it."
        )


def _fault(name: str, entry: zipfile.ZipInfo) -> str | None:
    """Why an entry's name cannot be a file in the folder; None where it can."""
    windows = PureWindowsPath(name)
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or windows.drive or ".." in parts or "\0" in name:
        return "would leave the folder"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if not parts or any(len(part.encode()) > _PART for part in parts):
        return "has a name that is too long"
    return None


def _copy(
    packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, limits: Limits, room: int
) -> int:
    """Bytes written; sizes in headers are claims, so what comes is counted."""
    written = 0
    with packed.open(entry) as source, target.open("xb") as into:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > min(limits.file_bytes, room, entry.file_size):
                raise BadInputError(
                    f"{packed.filename}: {entry.filename[:200]!r} is larger than it claims.",
                    "Export the dataset again.",
                )
            into.write(chunk)
    return written


def inside(root: Path, name: str, source: str) -> Path:
    """The file that ``name`` means below ``root``.

    Raises:
        BadInputError: it would be elsewhere; ``source`` names the file that says so.
    """
    plain = name.replace("\\", "/")
    path = root / plain
    if (
        plain.startswith("/")
        or PureWindowsPath(name).drive
        or "\0" in name
        or not path.resolve().is_relative_to(root.resolve())
    ):
        raise BadInputError(
            f"{source} names the picture {name[:200]!r}, which is outside of the dataset.",
            "Export the dataset again.",
        )
    return path
