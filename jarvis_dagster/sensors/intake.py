"""From files that are ready to runs: hash, look inside, request or quarantine.

Belongs here: what one look at the drive decides, file by file, within its time.
Does not belong here: which files are ready (``upload_plan``), what a run does.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import time
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS, content_prefix, partition_key
from jarvis_dagster.claims import is_claimed
from jarvis_dagster.disk import require_room
from jarvis_dagster.errors import BadVideoError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import file_type

if TYPE_CHECKING:
    from jarvis_dagster.sensors.upload_plan import Cursor
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.inbox import Inbox, Upload
    from jarvis_dagster.settings import Settings

__all__ = ["CONTENT_TAG", "FILE_TAG", "Intake", "Taken", "run_tags"]

CONTENT_TAG = "jarvis/content"
FILE_TAG = "jarvis/file_id"
VERSION_TAG = "jarvis/version"


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

    def take(self, cursor: Cursor, *, now_s: float) -> Taken:
        """Decide as many settled files as the time allows, at least one."""
        drive = self._settings.drive
        ready = cursor.ready(now_s, drive.settle_s)
        taken = Taken(cursor)
        began = time.monotonic()
        for number, file_id in enumerate(ready):
            late = time.monotonic() - began > drive.tick_budget_s
            if len(taken.requests) >= drive.requests_per_tick or (number and late):
                taken.notes.append(f"{len(ready) - number} more upload(s) wait for the next look")
                break
            try:
                taken = self._decide(taken, file_id, now_s)
            except TransientError as error:
                taken.notes.append(f"the drive cannot be read now: {error}")
                break
        return taken

    def _decide(self, taken: Taken, file_id: str, now_s: float) -> Taken:
        file = self._inbox.present(file_id)
        if file is None:  # gone, or moved out of Uploads
            return dataclasses.replace(taken, cursor=taken.cursor.forget(file_id))
        if file.version != taken.cursor.waiting[file_id][0]:
            return dataclasses.replace(taken, cursor=taken.cursor.see(file, now_s))
        try:
            require_room(self._settings, file.size)
        except PermanentError as error:
            taken.notes.append(f"{file.path} waits: {error}")
            return taken
        return self._judge(taken, file)

    def _judge(self, taken: Taken, file: DriveFile) -> Taken:
        notes = [*taken.notes]
        try:
            self._require_video(file)
            upload = self._inbox.look(file)
            if upload is None or self._is_claimed(upload):
                why = "is being analysed" if upload else "changed while it was read"
                return dataclasses.replace(taken, notes=[*notes, f"{file.path} {why}"])
            request = self.request(upload, {r.tags[CONTENT_TAG] for r in taken.requests})
        except BadVideoError as error:
            moved = self._inbox.quarantine(file, error)
            fate = f"was moved to Quarantine: {error.what}" if moved else "is gone or was replaced"
            notes.append(f"{file.path} {fate}")
            return dataclasses.replace(taken, cursor=taken.cursor.handle(file), notes=notes)
        except PermanentError as error:
            notes.append(f"{file.path} cannot be taken: {error}")
            return dataclasses.replace(taken, cursor=taken.cursor.handle(file), notes=notes)
        cursor = taken.cursor.handle(file)
        if request is None:
            notes.append(f"{file.path} is known already")
            return dataclasses.replace(taken, cursor=cursor, notes=notes)
        key = request.partition_key or ""
        known = content_prefix(key) in self._partitions
        return Taken(
            cursor,
            [*taken.requests, request],
            taken.new_partitions if known else [*taken.new_partitions, key],
            [*notes, f"{file.path} becomes {key}"],
        )

    def _is_claimed(self, upload: Upload) -> bool:
        """Whether a run has it; if that fails, it is ready still."""
        key = self.partition(upload.name, upload.content)
        return is_claimed(self._settings.data_dir / "work" / key)

    def _require_video(self, file: DriveFile) -> None:
        """Refuse what cannot be a video at once.

        Where the drive is on this machine, the file is looked into; elsewhere
        the run does that, when it has fetched the file.
        """
        from jarvis_dagster.hockey.video import probe

        most = self._settings.drive.max_upload_gb
        if file.size > most * 1e9:
            raise BadVideoError(
                f"{file.name} has {file.size / 1e9:.1f} GB, more than the {most:g} GB that are"
                " taken.",
                "Cut it into parts, or ask an operator to raise `drive.max_upload_gb`.",
            )
        path = self._inbox.local_path(file.path)
        if path is not None:
            probe(path)
        elif not file.size:
            raise BadVideoError(f"{file.name} is empty.", "Upload the video again.")
        elif file_type(file.name) not in {"videos", None}:
            raise BadVideoError(
                f"{file.name} is not a video by its name.",
                "Put videos into Uploads; give the file a video's extension if it is one.",
            )

    def request(self, upload: Upload, requested: set[str]) -> dg.RunRequest | None:
        """The run for an upload; None where its content is done or being worked on.

        A content that failed before runs again: its run key counts the failures.

        Args:
            requested: Contents that this look requested already.
        """
        runs = self._runs(upload)
        failed = [r for r in runs if r.status in _ENDED_BADLY]
        if upload.content in requested or len(failed) < len(runs):
            return None
        return dg.RunRequest(
            run_key=f"{upload.content[:32]}-{len(failed) + 1}",
            partition_key=self.partition(upload.name, upload.content),
            tags=run_tags(upload),
        )

    def _runs(self, upload: Upload) -> list[dg.DagsterRun]:
        """The runs of this content, also where only `jarvis run` knew its hash."""
        of_content = dg.RunsFilter(tags={CONTENT_TAG: upload.content})
        of_version = dg.RunsFilter(
            tags={FILE_TAG: upload.file_id, VERSION_TAG: _tag(upload.version)}
        )
        wanted = [of_content] if upload.sha256 else [of_content, of_version]
        found = [run for filters in wanted for run in self._instance.get_runs(filters=filters)]
        return list({run.run_id: run for run in found}.values())

    def partition(self, name: str, content: str) -> str:
        """The partition of this content: the one it has, or one after its name."""
        new = partition_key(name, content)
        return self._partitions.get(content_prefix(new), new)

    @functools.cached_property
    def _partitions(self) -> dict[str, str]:
        """The partitions by content; asked for once a look, and only if there is a new file."""
        keys = self._instance.get_dynamic_partitions(VIDEOS.name or "")
        return {content_prefix(key): key for key in keys}


def run_tags(upload: Upload) -> dict[str, str]:
    """What a run says of the upload that it is for."""
    return {
        CONTENT_TAG: upload.content,
        FILE_TAG: upload.file_id,
        VERSION_TAG: _tag(upload.version),
        "jarvis/video": upload.name[:200],
    }


def _tag(text: str) -> str:
    """``text`` itself, or a hash of it where it is longer than a tag should be."""
    return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()


_ENDED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
