"""What people do to a drive's Uploads folder while the sensor looks now and then.

Belongs here: a coach who uploads, renames, replaces, moves and trashes through
any drive, and a sensor that looks at it. Does not belong here: assertions.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.sensors.intake import CONTENT_TAG, FILE_TAG
from jarvis_dagster.sensors.upload_plan import Cursor
from jarvis_dagster.services.client_storage.inbox import Inbox
from jarvis_dagster.settings import DriveSettings, load_settings
from jarvis_dagster.wiring import core_services

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import Drive, DriveFile

__all__ = ["Arrivals"]


def watched(drive: Drive) -> UploadsResource:
    """The uploads of a drive that a test made."""
    service = core_services(load_settings()).client_storage_service
    service._drives["local"] = drive
    inbox = Inbox(service, "local", "Jarvis AI")

    class Watched(UploadsResource):
        """Dagster copies resources, but not what their class knows."""

        @property
        def inbox(self) -> Inbox:
            return inbox

    return Watched()


class Arrivals:
    """A drive, somebody who puts videos into it, and the sensor.

    Args:
        drive: As the sensor sees it.
        video: A short video; every upload is another one of the same pictures.
        seed: Of what happens.
    """

    def __init__(
        self, instance: dg.DagsterInstance, drive: Drive, video: bytes, scratch: Path, seed: int = 0
    ) -> None:
        self.instance = instance
        self.drive = drive
        self.watched = watched(drive)
        self.settings = DriveSettings(settle_s=0, requests_per_tick=50, tick_budget_s=60)
        self.requests: list[dg.RunRequest] = []
        self.notes: list[str] = []
        self._cursor: str | None = None
        self._video = video
        self._scratch = scratch
        self._random = random.Random(seed)
        self._count = 0
        self.uploads = self.watched.inbox.folder("Uploads")
        self.elsewhere = drive.create_folder("Elsewhere")

    def new_video(self) -> Path:
        """A video that is not like any other: a box that players skip is at its end."""
        self._count += 1
        mark = f"{self._count}".encode().rjust(8, b"0")
        path = self._scratch / f"video {self._count}.mp4"
        path.write_bytes(self._video + (16).to_bytes(4, "big") + b"free" + mark)
        return path

    def arrive(self, name: str | None = None) -> DriveFile:
        """Upload a new video."""
        return self.drive.upload(self.new_video(), self.uploads.id, name)

    def happen(self) -> None:
        """One thing that a person does."""
        there = [f for f in self.drive.list_all(self.uploads.id) if not f.is_folder]
        away = [f for f in self.drive.list_all(self.elsewhere.id) if not f.is_folder]
        what = self._random.choice(["arrive", "arrive", "rename", "replace", "out", "in", "trash"])
        if what == "arrive" or not (away if what == "in" else there):
            self.arrive()
        elif what == "rename":
            file = self._random.choice(there)
            self.drive.move(file.id, self.uploads.id, f"renamed {self._random.random():.6f}.mp4")
        elif what == "replace":
            file = self._random.choice(there)
            self.drive.upload(self.new_video(), self.uploads.id, file.name, replace=file)
        elif what == "out":
            self.drive.move(self._random.choice(there).id, self.elsewhere.id)
        elif what == "in":
            self.drive.move(self._random.choice(away).id, self.uploads.id)
        else:
            self.drive.trash(self._random.choice(there).id)

    def look(self) -> list[dg.RunRequest]:
        """One tick of the sensor; Dagster queues what it asks for."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self._aged())
        result = drive_upload_sensor(self.settings)(context, uploads=self.watched)
        if isinstance(result, dg.SkipReason):
            self.notes.append(str(result.skip_message))
            return []
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor
        self.notes.append(str(result.skip_reason))
        for added in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(VIDEOS.name or "", list(added.partition_keys))
        for request in result.run_requests or []:
            self.instance.add_run(
                dg.DagsterRun(
                    job_name="process_video",
                    run_id=dg._core.utils.make_new_run_id(),
                    status=dg.DagsterRunStatus.STARTED,
                    tags=dict(request.tags),
                )
            )
        self.requests += result.run_requests or []
        return list(result.run_requests or [])

    @property
    def contents(self) -> list[str]:
        """The content of every run that was asked for."""
        return [request.tags[CONTENT_TAG] for request in self.requests]

    @property
    def files(self) -> list[str]:
        """The file of every run that was asked for."""
        return [request.tags[FILE_TAG] for request in self.requests]

    def content_of(self, file: DriveFile) -> str:
        """What a run for that file is known by."""
        upload = self.watched.inbox.look(file)
        assert upload is not None
        return upload.content

    @property
    def cursor_bytes(self) -> int:
        """What the sensor has to remember."""
        return len((self._cursor or "").encode())

    def _aged(self) -> str | None:
        """The cursor as if its looks were long ago: a file that stays has settled."""
        if self._cursor is None:
            return None
        old = Cursor.loads(self._cursor)
        waiting = {key: (version, since - 3600) for key, (version, since) in old.waiting.items()}
        return dataclasses.replace(old, waiting=waiting).dumps()
