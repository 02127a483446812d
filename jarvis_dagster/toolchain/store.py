"""Versions of datasets in the object store.

Belongs here: storing one as a zip file, finding and fetching it. Does not belong here: what a
dataset is (``hockey/datasets``), versions and retention of anything stored (the storage service).
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.hockey.datasets import Dataset, open_dataset, write_dataset
from jarvis_dagster.hockey.datasets.model import VERSION_DIGITS
from jarvis_dagster.hockey.datasets.unpack import unpack

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from jarvis_dagster.services.storage import JarvisStorageService

    Progress = Callable[[int, int], None]

__all__ = ["DatasetStore", "StoredDataset"]

_COMPONENT = "toolchain"
_NAME = re.compile(r"[\w][\w.-]{0,79}")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same files are the same archive


@dataclasses.dataclass(frozen=True)
class StoredDataset:
    """One version of a dataset in the store."""

    name: str
    number: int
    version: str
    """The hash of its content."""
    item_id: str
    stored: datetime.datetime
    size: int
    summary: dict[str, Any]

    @property
    def ref(self) -> str:
        """How it is named everywhere: ``rink@1a2b3c4d5e6f``."""
        return f"{self.name}@{self.version[:VERSION_DIGITS]}"


class DatasetStore:
    """The datasets of one object store.

    Args:
        storage: The storage service.
        folder: Where fetched versions stay; may be deleted at any time.
    """

    def __init__(self, storage: JarvisStorageService, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

    def save(
        self, dataset: Dataset, progress: Progress | None = None
    ) -> tuple[StoredDataset, bool]:
        """Store a version, and whether it is new; the same content twice is one version.

        Raises:
            BadInputError: a name that cannot be one.
        """
        if not _NAME.fullmatch(dataset.name):
            raise BadInputError(
                f"{dataset.name!r} is no name for a dataset.",
                "Use letters, digits, `-`, `_` and `.`, at most 80.",
            )
        for known in self.list(dataset.name):
            if known.version == dataset.version:
                return known, False
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".save-") as scratch:
            folder = write_dataset(dataset, Path(scratch) / "dataset")
            archive = _packed(folder, Path(scratch) / f"{dataset.name}.zip")
            item_id = self._storage.store(
                "datasets",
                archive,
                dataset.summary(),
                _COMPONENT,
                name=archive.name,
                progress=progress,
            )
        return next(one for one in self.list(dataset.name) if one.item_id == item_id), True

    def list(self, name: str | None = None) -> list[StoredDataset]:
        """Every version, the newest first."""
        found = []
        for item in self._storage.list_stored("datasets", _COMPONENT):
            own = item["name"].removesuffix(".zip")
            if name not in {None, own} or "version" not in item["metadata"]:
                continue
            found.append(
                StoredDataset(
                    name=own,
                    number=item["version"],
                    version=item["metadata"]["version"],
                    item_id=item["id"],
                    stored=item["modified"],
                    size=item["size"],
                    summary=item["metadata"],
                )
            )
        return sorted(found, key=lambda one: (one.name, -one.number))

    def find(self, ref: str) -> StoredDataset:
        """The version that ``ref`` names: ``rink``, ``rink@3`` or ``rink@1a2b3c4d``.

        A name alone means its newest version.

        Raises:
            BadInputError: there is none, or several fit.
        """
        name, at, which = ref.partition("@")
        versions = self.list(name)
        if not versions:
            known = ", ".join(sorted({one.name for one in self.list()})) or "none"
            raise BadInputError(f"There is no dataset {name!r}.", f"There are: {known}.")
        if not at:
            return versions[0]
        fits = [one for one in versions if which == str(one.number)]
        if not fits and len(which) >= 4:
            fits = [one for one in versions if one.version.startswith(which)]
        if len(fits) != 1:
            listed = ", ".join(f"{one.number} ({one.version[:VERSION_DIGITS]})" for one in versions)
            raise BadInputError(
                f"{len(fits)} versions of {name} are {which!r}.", f"There are: {listed}."
            )
        return fits[0]

    def fetch(self, ref: str, progress: Progress | None = None) -> Dataset:
        """The dataset, its files in a folder of this machine; read, never changed there."""
        stored = self.find(ref)
        folder = self._folder / stored.version[:32]
        if folder.is_dir():
            try:
                return dataclasses.replace(open_dataset(folder), name=stored.name)
            except BadInputError:
                # Somebody changed it; the store has it as it was. Another process may see that too.
                shutil.rmtree(folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".fetch-") as scratch:
            archive = Path(scratch) / "dataset.zip"
            if not self._storage.retrieve(stored.item_id, archive, "datasets", progress=progress):
                raise PermanentError(
                    f"The dataset {stored.ref} was removed.", "Restore it from the trash."
                )
            unpacked = unpack(archive, Path(scratch) / "dataset")
            open_dataset(unpacked)
            try:
                unpacked.replace(folder)
            except OSError:  # another process was quicker
                if not folder.is_dir():
                    raise
        return dataclasses.replace(open_dataset(folder), name=stored.name)

    def folder_of(self, dataset: Dataset) -> Path:
        """Where :meth:`fetch` put it, for what reads a YOLO folder."""
        return self._folder / dataset.version[:32]


def _packed(folder: Path, archive: Path) -> Path:
    """A zip file of the folder that depends on names and contents alone; pictures stay as are."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _LONG_AGO)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, packed.open(entry, "w") as into:
                    shutil.copyfileobj(source, into)
    return archive
