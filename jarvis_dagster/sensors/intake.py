"""From files that are ready to runs: hash, look inside, request or quarantine.

Belongs here: what one look at the drive decides, file by file, within its time.
Does not belong here: which files are ready (``upload_plan``), what a run does.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS, partition_key, sha256_prefix
from jarvis_dagster.claims import is_claimed
from jarvis_dagster.disk import require_room
from jarvis_dagster.errors import BadVideoError, PermanentError, TransientError

if TYPE_CHECKING:
    from jarvis_dagster.sensors.upload_plan import Cursor, Plan
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.inbox import Inbox, Upload
    from jarvis_dagster.settings import Settings

__all__ = ["CONTENT_TAG", "Intake", "Taken"]

CONTENT_TAG = "jarvis/content"


@dataclasses.dataclass(frozen=True)
class Taken:
    """What one look at the drive decided."""

    cursor: Cursor
    requests: list[dg.RunRequest] = dataclasses.field(default_factory=list)
    new_partitions: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def summary(self) -> str:
        """Why nothing was requested."""
        waiting = len(self.cursor.waiting)
        return "; ".join(self.notes) or (
            f"{waiting} upload(s) still settling" if waiting else "no new uploads"
        )


class Intake:
    """Decides ready files against what the Dagster instance already knows."""

    def __init__(self, instance: dg.DagsterInstance, inbox: Inbox, settings: Settings) -> None:
        self._instance = instance
        self._inbox = inbox
        self._settings = settings

    def take(self, planned: Plan) -> Taken:
        """Decide as many files as the time allows, at least one."""
        taken = Taken(planned.cursor)
        began = time.monotonic()
        for number, file in enumerate(planned.ready):
            spent = time.monotonic() - began
            full = len(taken.requests) >= self._settings.drive.requests_per_tick
            if full or (number and spent > self._settings.drive.tick_budget_s):
                left = len(planned.ready) - number
                taken.notes.append(f"{left} more upload(s) wait for the next look")
                break
            try:
                require_room(self._settings, file.size)
            except PermanentError as error:
                taken.notes.append(f"{file.path} waits: {error}")
            else:
                taken = self._decide(taken, file)
        return taken

    def _decide(self, taken: Taken, file: DriveFile) -> Taken:
        notes = [*taken.notes]
        try:
            self._require_video(file)
            upload = self._inbox.look(file.id, file.version)
            if upload is None or self._is_claimed(upload):
                why = "is being analysed" if upload else "changed while it was read"
                return dataclasses.replace(taken, notes=[*notes, f"{file.path} {why}"])
            request = self.request(upload, {r.tags[CONTENT_TAG] for r in taken.requests})
        except BadVideoError as error:
            moved = self._inbox.quarantine(file, error)
            fate = f"was moved to Quarantine: {error.what}" if moved else "is gone or was replaced"
            notes.append(f"{file.path} {fate}")
            return dataclasses.replace(taken, cursor=taken.cursor.handle(file), notes=notes)
        except TransientError as error:
            return dataclasses.replace(taken, notes=[*notes, f"{file.path}: {error}"])
        except PermanentError as error:
            notes.append(f"{file.path} cannot be taken: {error}")
            return dataclasses.replace(taken, cursor=taken.cursor.handle(file), notes=notes)
        cursor = taken.cursor.handle(file)
        if request is None:
            notes.append(f"{file.path} is known already")
            return dataclasses.replace(taken, cursor=cursor, notes=notes)
        key = request.partition_key or ""
        known = self._instance.has_dynamic_partition(VIDEOS.name or "", key)
        return Taken(
            cursor,
            [*taken.requests, request],
            taken.new_partitions if known else [*taken.new_partitions, key],
            [*notes, f"{file.path} becomes {key}"],
        )

    def _is_claimed(self, upload: Upload) -> bool:
        """Whether a run has it; if that fails, it is ready still."""
        key = self.partition(upload.name, upload.sha256)
        return is_claimed(self._settings.data_dir / "work" / key)

    def _require_video(self, file: DriveFile) -> None:
        """Refuse what is not a video at once where the drive is on this machine.

        Elsewhere the run does, when it has fetched the file.
        """
        from jarvis_dagster.hockey.video import probe

        path = self._inbox.local_path(file.path)
        if path is not None:
            probe(path)

    def request(self, upload: Upload, requested: set[str]) -> dg.RunRequest | None:
        """The run for an upload; None where its content is done or being worked on.

        A content that failed before runs again: its run key counts the failures.

        Args:
            requested: Content hashes that this look requested already.
        """
        runs = self._instance.get_runs(filters=dg.RunsFilter(tags={CONTENT_TAG: upload.sha256}))
        failed = [r for r in runs if r.status in _ENDED_BADLY]
        if upload.sha256 in requested or len(failed) < len(runs):
            return None
        return dg.RunRequest(
            run_key=f"{upload.sha256[:32]}-{len(failed) + 1}",
            partition_key=self.partition(upload.name, upload.sha256),
            tags={
                CONTENT_TAG: upload.sha256,
                "jarvis/file_id": upload.file_id,
                "jarvis/video": upload.name[:200],
            },
        )

    def partition(self, name: str, sha256: str) -> str:
        """The partition of this content: the one it has, or one after its name."""
        new = partition_key(name, sha256)
        for key in self._instance.get_dynamic_partitions(VIDEOS.name or ""):
            if sha256_prefix(key) == sha256_prefix(new):
                return key
        return new


_ENDED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
