"""Which folders are brought in step: places by name, and what is known of them.

Belongs here: drives, prefixes and folders from their names, and where the state
of a pair is. Does not belong here: the synchronisation
(``services/client_storage/sync``), the command, the schedule.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.address import Address

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Synchroniser"]


@dataclasses.dataclass(frozen=True)
class _Place:
    """A folder as it was named: ``NAME:PATH``, ``s3://bucket/prefix`` or a path here."""

    name: str
    kind: str

    @property
    def start(self) -> str:
        """What the names of all places in it begin with."""
        return self.name if self.name.endswith(":") else f"{self.name}/"


class Synchroniser:
    """Brings folders in step that are named by their places.

    Args:
        core: The core services.
        default_drive: The drive of a place without ``NAME:``.
    """

    def __init__(self, core: JarvisCoreServices, default_drive: str) -> None:
        self._core = core
        self._service = core.client_storage_service
        self._default = default_drive
        config = self._service.config
        self._states = (config.state_dir or config.import_dir / ".drives") / ".sync"

    def run(self, a: str, b: str, options: SyncOptions) -> SyncReport:
        """Bring two folders in step.

        Args:
            a: ``NAME:PATH`` in a drive, ``s3://bucket/prefix``, or a folder of this
                machine that begins with ``/``, ``./``, ``../`` or ``~``.
            b: Another one.
            options: What takes part, and what to do in spite of a doubt.

        Raises:
            BadInputError: a folder is not there, or one is in the other.
        """
        from jarvis_dagster.services.client_storage.sync import sync

        places = (self._place(a), self._place(b))
        _refuse_nested(*(place.start for place in places))
        state = self.state_of(a, b)
        first = not state.exists() and not options.dry_run
        mine, yours = (self._side(place, state, make=first) for place in places)
        _refuse_nested(_root(mine) or places[0].start, _root(yours) or places[1].start)
        return sync(mine, yours, state=state, options=options)

    def state_of(self, a: str, b: str) -> Path:
        """The file of what these two agreed on."""
        names = sorted((self._place(a).name, self._place(b).name))
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
        return self._states / f"{digest[:16]}.sqlite"

    def _place(self, text: str) -> _Place:
        if text.startswith("s3://"):
            return _Place(text.rstrip("/"), "store")
        if text in {".", "..", "~"} or text.startswith(("/", "./", "../", "~/")):
            return _Place(str(Path(text).expanduser().resolve()), "folder")
        known = set(self._service.config.drives)
        return _Place(str(Address.parse(text, self._default, known)), "drive")

    def _side(self, place: _Place, state: Path, *, make: bool) -> Side:
        if place.kind == "folder":
            return self._local_side(place, state, make=make)
        if place.kind == "store":
            return self._store_side(place, state)
        from jarvis_dagster.services.client_storage.sync import Side

        name, _, path = place.name.partition(":")
        drive = self._service.drive(name)
        if not path:
            return Side(drive, name=place.name)
        found = drive.find(path)
        if found is None and make:
            folder_id: str | None = None
            for part in path.split("/"):
                folder_id = drive.create_folder(part, folder_id).id
            return Side(drive, folder_id, place.name)
        if found is None or not found.is_folder:
            raise BadInputError(
                f"There is no folder {place.name}.",
                "Check the name; the first run that is not a dry run makes it.",
            )
        return Side(drive, found.id, place.name)

    def _local_side(self, place: _Place, state: Path, *, make: bool) -> Side:
        from jarvis_dagster.services.client_storage import LocalFolderDrive
        from jarvis_dagster.services.client_storage.sync import Side

        if not make and not Path(place.name).is_dir():
            raise BadInputError(
                f"There is no folder {place.name}.", "Check that its disk is connected."
            )
        return Side(LocalFolderDrive(Path(place.name), _known(place, state)), name=place.name)

    def _store_side(self, place: _Place, state: Path) -> Side:
        from jarvis_dagster.services.client_storage.sync import Side
        from jarvis_dagster.services.client_storage.sync.store_drive import StoreDrive

        bucket, _, prefix = place.name.removeprefix("s3://").partition("/")
        drive = StoreDrive(
            self._core.storage_service, bucket, prefix, state_dir=_known(place, state)
        )
        return Side(drive, name=place.name)


def _known(place: _Place, state: Path) -> Path:
    """Where what is known of the files of a place is kept."""
    return state.parent / hashlib.sha256(place.name.encode()).hexdigest()[:16]


def _root(side: Side) -> str:
    """Where a side is on this machine; empty if it is elsewhere."""
    from jarvis_dagster.services.client_storage import LocalFolderDrive

    if not isinstance(side.drive, LocalFolderDrive):
        return ""
    return f"{(side.drive.root / (side.folder_id or '')).resolve()}/"


def _refuse_nested(one: str, another: str) -> None:
    if one.startswith(another) or another.startswith(one):
        raise BadInputError(
            f"{one} and {another} are one folder, or one is in the other.",
            "Name two folders that are apart.",
        )
