"""Starts the analysis of every video that arrives in the drive's ``Uploads`` folder."""

import time
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.errors import TransientError
from jarvis_dagster.jobs import process_video
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.intake import Intake
from jarvis_dagster.sensors.upload_feed import UploadFeed
from jarvis_dagster.sensors.upload_plan import Cursor
from jarvis_dagster.stack.runs import give_up_abandoned

if TYPE_CHECKING:
    from jarvis_dagster.settings import DriveSettings

__all__ = ["drive_upload_sensor"]


def drive_upload_sensor(drive: "DriveSettings") -> dg.SensorDefinition:
    """The sensor, looking every ``drive.poll_interval_s`` seconds."""

    @dg.sensor(
        name="drive_upload_sensor",
        job=process_video,
        minimum_interval_seconds=drive.poll_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Analyses every video that arrives in the drive's Uploads folder, once.",
    )
    @acts_as("spotlight")
    def sensor(
        context: dg.SensorEvaluationContext, uploads: UploadsResource
    ) -> dg.SensorResult | dg.SkipReason:
        began = time.monotonic()
        for run in give_up_abandoned(context.instance):
            context.log.info(f"run {run} is given up: its process is gone")
        settings = uploads.settings.model_copy(update={"drive": drive})
        cursor = Cursor.loads(context.cursor)
        try:
            folder = uploads.inbox.folder("Uploads")
        except TransientError as error:
            return dg.SkipReason(f"The drive cannot be reached now: {error}")
        now_s = time.time()
        cursor, left = UploadFeed(uploads.inbox.drive, folder).read(
            cursor,
            now_s=now_s,
            is_late=lambda: time.monotonic() - began > drive.tick_budget_s / 2,
        )
        taken = Intake(context.instance, uploads.inbox, settings).take(cursor, now_s=now_s)
        if left:
            taken.notes.append(left)
        for note in taken.notes:
            context.log.info(note)
        return dg.SensorResult(
            run_requests=taken.requests,
            dynamic_partitions_requests=(
                [VIDEOS.build_add_request(taken.new_partitions)] if taken.new_partitions else []
            ),
            cursor=taken.cursor.dumps(),
            skip_reason=None if taken.requests else taken.summary,
        )

    return sensor
