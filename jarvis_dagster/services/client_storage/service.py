"""JarvisClientStorageService: import what people upload, export what Jarvis found.

Belongs here: what is done with drives. Does not belong here: how a provider
works (``local.py``), and when a file is taken (the sensor).
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConfigError, NotSupportedError
from jarvis_dagster.services.client_storage.consent import ConsentError, PlayerList
from jarvis_dagster.services.client_storage.drive import ROLES
from jarvis_dagster.services.client_storage.export import (
    Export,
    is_wanted,
    named_results,
    require_room,
)
from jarvis_dagster.services.client_storage.importing import Caps, Import, wanted_kinds
from jarvis_dagster.services.client_storage.providers import open_drive
from jarvis_dagster.services.files import safe_name
from jarvis_dagster.services.security.audit import AuditLog

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jarvis_dagster.services.client_storage.config import ClientStorageConfig
    from jarvis_dagster.services.client_storage.consent import ConsentPolicy
    from jarvis_dagster.services.client_storage.drive import (
        Drive,
        DriveFile,
        Permission,
        Progress,
    )

__all__ = ["Access", "JarvisClientStorageService"]

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Access:
    """A file or folder, and who may do what with it."""

    file: DriveFile
    permissions: tuple[Permission, ...]


class JarvisClientStorageService:
    """The drives of the settings, by name.

    Args:
        consent: Decides what may be exported and shared; None is the list of
            players of the settings, if there is one.
        log: Gives the audit log of the installation; None is a log of the drives' own.
    """

    def __init__(
        self,
        config: ClientStorageConfig,
        *,
        consent: ConsentPolicy | None = None,
        log: Callable[[], AuditLog] | None = None,
    ) -> None:
        self.config = config
        self._log = log
        self.consent = consent or (PlayerList(config.players) if config.players else None)
        self._drives: dict[str, Drive] = {}

    def drive(self, drive_name: str) -> Drive:
        """The drive of that name.

        Raises:
            ConfigError: no drive of that name is in the settings.
        """
        if drive_name not in self.config.drives:
            known = ", ".join(sorted(self.config.drives)) or "none"
            raise ConfigError(
                f"There is no drive named {drive_name!r}.",
                f"Add it to client_storage.drives; there are: {known}.",
            )
        if drive_name not in self._drives:
            self._drives[drive_name] = open_drive(
                self.config.drives[drive_name], self.config.state_of(drive_name)
            )
        return self._drives[drive_name]

    def check(self) -> None:
        """Return when every drive can be used; otherwise raise with a remedy."""
        for name in self.config.drives:
            self.drive(name).check()

    def import_user_media(
        self,
        drive_name: str,
        folder_id: str | None = None,
        file_types: Sequence[str] | None = None,
        component: str | None = None,
        *,
        caps: Caps | None = None,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Download the files of a folder and what is below it.

        Each version of a file has its own place in the import folder, so that
        two files of one name never meet, and what is there is not fetched
        again. Content that is there under another name is linked to it.
        ``import.json`` beside them says where each file came from.

        Args:
            file_types: ``images``, ``videos``, ``documents``, ``datasets``, or
                extensions such as ``.mp4``; None takes all. Names and media
                types decide what is fetched, the content what is returned.
            component: Imports into this component's own folder.
            caps: How much may be fetched; None is what the settings say.

        Returns:
            One path a file, in the order of the drive's listing.

        Raises:
            BadInputError: it is more than the caps allow; nothing was fetched.
        """
        drive = self.drive(drive_name)
        base = self.config.import_dir
        base = base / safe_name(component) if component else base
        limits = caps or Caps(self.config.import_max_files, self.config.import_max_bytes)
        job = Import(drive, base / safe_name(drive_name), wanted_kinds(file_types), limits)
        return job.run(folder_id, progress)

    def export_results(
        self,
        results: Sequence[str | Path] | Mapping[str, str | Path],
        drive_name: str,
        folder_id: str | None = None,
        component: str | None = None,
        *,
        complete: bool = False,
        about: Mapping[str, str] | None = None,
        file_types: Sequence[str] | None = None,
        caps: Caps | None = None,
        players: Sequence[str] = (),
        material: Sequence[str] = (),
    ) -> list[str]:
        """Put files into a folder of a drive, with ``manifest.json`` beside them.

        May be run again, also after it was interrupted: what is there with the
        same content stays, what Jarvis exported before is replaced in one
        step, what a person changed or put there is kept and the new file
        becomes ``name (2)``. The manifest is written last, and names only
        files that are there.

        Args:
            results: Files; or names in the folder (``clips/goal.mp4``) and their files.
            complete: These are all results: earlier ones that are not among
                them go to the drive's trash, unless a person changed them.
            about: What the results were made from; kept in the manifest.
            file_types: Only these of them, by name and content; None is all.
            caps: How much may be put there; None is no limit.
            players: Who is known to be seen in them.
            material: What else they are known by, such as the folder of the video.

        Returns:
            The file ids, in the order of ``results``.

        Raises:
            ConsentError: they show a minor without consent; nothing was put there.
            PermanentError: the drive has no room for them; nothing was put there.
        """
        drive = self.drive(drive_name)
        named = [
            item for item in named_results(results) if is_wanted(item[1], wanted_kinds(file_types))
        ]
        total = sum(path.stat().st_size for _, path in named)
        (caps or Caps()).require(len(named), total, "The export")
        where = {"drive": drive_name, "folder": folder_id, "component": component}
        names = [*(about or {}).values(), *material, *(name for name, _ in named)]
        self._require_consent("export", names, players, **where)
        require_room(drive, drive_name, total)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            export = Export(drive, folder_id, Path(scratch))
            ids = export.run(named, about=about, complete=complete)
        _LOG.info("%s exported %d files to %s.", component or "Jarvis", len(named), drive_name)
        self.audit.add("export", allowed=True, files=[name for name, _ in named], **where)
        return ids

    def create_shared_folder(
        self,
        folder_name: str,
        drive_name: str,
        share_with: Sequence[str] | None = None,
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
        component: str | None = None,
    ) -> str:
        """A folder at the drive's root, shared with people; returns its id.

        Raises:
            NotSupportedError: there are people to share with and the drive
                knows no people; nothing was created.
        """
        if role not in ROLES:
            raise BadInputError(f"{role!r} is not a role.", f"Use one of {', '.join(ROLES)}.")
        drive = self.drive(drive_name)
        if share_with and not drive.can_share:
            raise NotSupportedError(
                f"The drive {drive_name} cannot share with people.",
                "Share its folder with the means of the machine or provider it is on.",
            )
        folder = drive.create_folder(folder_name)
        if share_with:
            self.share(
                drive_name, folder.id, share_with, role, expires=expires, component=component
            )
        return folder.id

    def share(
        self,
        drive_name: str,
        file_id: str,
        people: Sequence[str] = (),
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
        component: str | None = None,
        players: Sequence[str] = (),
    ) -> list[Permission]:
        """Give people, or with none named whoever has the link, access; noted in the audit log.

        Raises:
            ConsentError: what is shared shows a minor without consent.
            NotSupportedError: the drive cannot share like that.
        """
        drive = self.drive(drive_name)
        file = self._existing(drive, file_id)
        where = {"drive": drive_name, "file": file.path, "component": component}
        below = drive.list_all(file.id, recursive=True) if file.is_folder else ()
        material = [file.path, *(inner.path for inner in below)]
        self._require_consent("share", material, players, people=list(people), **where)
        given = (
            drive.share(file_id, people, role, expires=expires)
            if people
            else [drive.share_link(file_id, role, expires=expires)]
        )
        self.audit.add(
            "share",
            allowed=True,
            people=list(people) or "link",
            role=role,
            expires=expires,
            **where,
        )
        return list(given)

    def unshare(
        self, drive_name: str, file_id: str, people: Sequence[str], component: str | None = None
    ) -> list[Permission]:
        """Take back what people, or ``link`` as one of them, were given here.

        Returns:
            What was taken back; what comes from a folder above stays, and is not among them.
        """
        drive = self.drive(drive_name)
        file = self._existing(drive, file_id)
        names = {person.casefold() for person in people}
        taken = [
            permission
            for permission in drive.permissions(file_id)
            if permission.id
            and not permission.inherited
            and (permission.who or permission.kind).casefold() in names
        ]
        for permission in taken:
            drive.unshare(file_id, permission.id)
        self.audit.add(
            "unshare",
            allowed=True,
            people=list(people),
            drive=drive_name,
            file=file.path,
            component=component,
        )
        return taken

    def who_sees(self, drive_name: str, folder_id: str | None = None) -> Iterator[Access]:
        """Everything in a folder and below it, with who may do what there."""
        drive = self.drive(drive_name)
        for file in drive.list_all(folder_id, recursive=True):
            yield Access(file, tuple(drive.permissions(file.id)))

    @cached_property
    def audit(self) -> AuditLog:
        """What was exported, shared and refused."""
        own = self.config.state_of("audit") / "audit.jsonl"
        if self._log is None:
            return AuditLog(own)
        log = self._log()
        log.take_over(own)
        return log

    def _existing(self, drive: Drive, file_id: str) -> DriveFile:
        file = drive.stat(file_id)
        if file is None:
            raise BadInputError(f"There is no file {file_id!r} in the drive.", "List its folder.")
        return file

    def _require_consent(
        self, action: str, material: Sequence[str], players: Sequence[str], **where: Any
    ) -> None:
        if self.consent is None:
            return
        try:
            self.consent.require(material, players)
        except (ConsentError, ConfigError) as error:
            self.audit.add(action, allowed=False, reason=error.what, **where)
            raise
