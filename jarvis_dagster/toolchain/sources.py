"""Datasets from where they are: a drive, the object store, a folder of this machine.

Belongs here: bringing one here. Does not belong here: what is in it (``hockey/datasets``).
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.address import Address
from jarvis_dagster.services.client_storage.importing import Caps
from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.client_storage import Drive, DriveFile
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["dataset_name", "local_source"]


@contextlib.contextmanager
def local_source(
    source: str,
    core: Callable[[], JarvisCoreServices],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Path]:
    """A folder or zip file with what ``source`` names, while the block lasts.

    Args:
        source: A path here; ``NAME:PATH``, a folder or zip file of a drive; or
            ``s3://bucket/key``, a zip file in the object store.
        core: Called only where the source is not of this machine.

    Raises:
        BadInputError: there is no such thing.
    """
    local = Path(source).expanduser()
    if local.exists():
        yield local
        return
    with tempfile.TemporaryDirectory(prefix="jarvis-dataset-") as scratch:
        if source.startswith("s3://"):
            yield _from_store(source, core(), Path(scratch))
        elif _is_in_a_drive(source, core):
            yield _from_drive(source, core(), Path(scratch), progress)
        else:
            raise BadInputError(
                f"There is no {source}.",
                "Name a folder or zip file, DRIVE:PATH, or s3://bucket/key.",
            )


def dataset_name(source: str) -> str:
    """The name that a dataset has by its source where no other is given."""
    tail = source.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    name = safe_name(tail.removesuffix(".zip"))
    return name.lower().replace(" ", "_").replace("@", "_") or "dataset"


def _is_in_a_drive(source: str, core: Callable[[], JarvisCoreServices]) -> bool:
    name, colon, _ = source.partition(":")
    return bool(colon) and name in core().client_storage_service.config.drives


def _from_store(source: str, core: JarvisCoreServices, scratch: Path) -> Path:
    bucket, _, key = source.removeprefix("s3://").partition("/")
    path = scratch / safe_name(key)
    core.storage_service.get_file(key, path, bucket)
    return path


def _from_drive(
    source: str,
    core: JarvisCoreServices,
    scratch: Path,
    progress: Callable[[int, int], None] | None,
) -> Path:
    service = core.client_storage_service
    address = Address.parse(source, "", set(service.config.drives))
    drive = service.drive(address.drive)
    found = drive.find(address.path) if address.path else None
    if found is None:
        raise BadInputError(
            f"There is no {address.path or 'folder named'} in the drive {address.drive}.",
            f"`jarvis drive ls {address.drive}:` shows what there is.",
        )
    if not found.is_folder:
        path = scratch / safe_name(found.name)
        drive.download(found.id, path, progress=progress)
        return path
    caps = Caps(service.config.import_max_files, service.config.import_max_bytes)
    return _fetch_folder(drive, found, scratch, caps, progress)


def _fetch_folder(
    drive: Drive,
    folder: DriveFile,
    scratch: Path,
    caps: Caps,
    progress: Callable[[int, int], None] | None,
) -> Path:
    """All files of a folder in their places; a folder with nothing but a zip file is that file."""
    files = [entry for entry in drive.list_all(folder.id, recursive=True) if not entry.is_folder]
    caps.require(len(files), sum(entry.size for entry in files), f"{folder.path} of the drive")
    names: set[Path] = set()
    for number, entry in enumerate(files, 1):
        parts = entry.path.removeprefix(folder.path).strip("/").split("/")
        path = scratch.joinpath(*(safe_name(part) for part in parts))
        if path in names:
            raise BadInputError(
                f"{folder.path} has two files named {'/'.join(parts)}.", "Rename one of them."
            )
        names.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        drive.download(entry.id, path)
        if progress:
            progress(number, len(files))
    archives = [path for path in names if path.suffix.lower() == ".zip"]
    others = {path for path in names if path.name not in ("manifest.json",)} - set(archives)
    return archives[0] if len(archives) == 1 and not others else scratch
