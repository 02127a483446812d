"""What ``jarvis drive`` does with files: list, fetch, put, share.

Belongs here: what a command does. Does not belong here: options and help
(``drive.py``), drives themselves.
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, JarvisError, NotSupportedError
from jarvis_dagster.services.files import readable_file, safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jarvis_dagster.services.client_storage import (
        Drive,
        DriveFile,
        JarvisClientStorageService,
        Quota,
    )
    from jarvis_dagster.services.client_storage.address import Address
    from jarvis_dagster.services.client_storage.drive import Progress

__all__ = ["State", "find", "get", "listing", "put", "states"]


@dataclasses.dataclass(frozen=True)
class State:
    """What one drive of the settings answered; ``error`` is empty when it works."""

    name: str
    kind: str
    quota: Quota | None
    error: str = ""
    remedy: str = ""


def states(service: JarvisClientStorageService) -> Iterator[State]:
    """Ask each drive of the settings whether it can be used."""
    for name, config in service.config.drives.items():
        try:
            drive = service.drive(name)
            drive.check()
            yield State(name, config.kind, drive.quota())
        except JarvisError as error:
            yield State(name, config.kind, None, error.what, error.remedy)


def find(service: JarvisClientStorageService, address: Address) -> tuple[Drive, DriveFile | None]:
    """The drive, and the file or folder at the address; None is the drive's root.

    Raises:
        BadInputError: there is none.
    """
    drive = service.drive(address.drive)
    if not address.path:
        return drive, None
    file = drive.find(address.path)
    if file is None:
        raise BadInputError(
            f"There is no {address.path} in the drive {address.drive}.",
            f"`jarvis drive ls {address.drive}:` shows what there is.",
        )
    return drive, file


def listing(
    service: JarvisClientStorageService, address: Address, *, recursive: bool
) -> list[DriveFile]:
    """What is in a folder, by path; a file is its own listing."""
    drive, file = find(service, address)
    if file is not None and not file.is_folder:
        return [file]
    found = drive.list_all(file.id if file else None, recursive=recursive)
    return sorted(found, key=lambda entry: entry.path)


def get(
    service: JarvisClientStorageService,
    address: Address,
    target: Path,
    progress: Progress | None = None,
) -> tuple[list[Path], list[str]]:
    """Fetch a file, or a folder with all that is in it, into the folder ``target``.

    A file that is there with the same content stays; one with another content
    is never overwritten.

    Returns:
        The files on this machine, and what could not be fetched and why.
    """
    drive, file = find(service, address)
    if file is not None and not file.is_folder:
        wanted, skip = [file], len(file.path) - len(file.name)
    else:
        entries = drive.list_all(file.id if file else None, recursive=True)
        wanted = [entry for entry in entries if not entry.is_folder]
        skip = len(file.path) - len(file.name) if file else 0
    total, done = sum(entry.size for entry in wanted), 0
    paths, failed = [], []
    taken: set[Path] = set()
    for entry in wanted:
        parts = [safe_name(part) for part in entry.path[skip:].split("/")]
        path = _free(drive, entry, target.joinpath(*parts), taken)
        try:
            if not path.exists():
                before = done
                drive.download(entry.id, path, progress=_after(progress, before, total))
            paths.append(path)
        except NotSupportedError as error:
            failed.append(f"{entry.path}: {error}")
        done += entry.size
        if progress is not None:
            progress(done, total)
    return paths, failed


def _free(drive: Drive, entry: DriveFile, path: Path, taken: set[Path]) -> Path:
    """``path``, or another name beside it if other content or another file has it."""
    for number in itertools.count(1):
        candidate = path if number == 1 else path.with_name(f"{path.stem} ({number}){path.suffix}")
        if candidate in taken:
            continue
        if not candidate.exists() or _is_same(drive, entry, candidate):
            taken.add(candidate)
            return candidate
    raise AssertionError  # it counts for ever


def _is_same(drive: Drive, entry: DriveFile, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    return sha256_file(path) == drive.sha256(entry.id)


def put(
    service: JarvisClientStorageService,
    sources: Sequence[Path],
    address: Address,
    progress: Progress | None = None,
) -> list[DriveFile]:
    """Put files, and folders with all that is in them, into a folder of a drive."""
    named = [pair for source in sources for pair in _files(source)]
    drive = service.drive(address.drive)
    total, done = sum(path.stat().st_size for _, path in named), 0
    sent = []
    for name, path in named:
        parent = None
        for folder in [*address.path.split("/"), *name.parts[:-1]]:
            if folder:
                parent = drive.create_folder(folder, parent).id
        sent.append(drive.upload(path, parent, name.name, progress=_after(progress, done, total)))
        done += path.stat().st_size
        if progress is not None:
            progress(done, total)
    return sent


def _files(source: Path) -> list[tuple[PurePosixPath, Path]]:
    """The files of a source with their paths below the target, in order."""
    if not source.is_dir():
        return [(PurePosixPath(source.name), readable_file(source))]
    name = source.resolve().name
    return [
        (PurePosixPath(name, *path.relative_to(source).parts), readable_file(path))
        for path in sorted(source.rglob("*"))
        if not path.is_dir()
    ]


def _after(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
