"""Makes a video's results again when a person corrects them in the drive."""

import hashlib
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.approving import ask_to_correct
from jarvis_dagster.assets.partitions import VIDEOS, content_prefix
from jarvis_dagster.assets.spotlight.corrected import corrections_of, pending_kinds
from jarvis_dagster.claims import is_claimed
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.corrections import (
    CORRECTIONS_NAME,
    Correction,
    fingerprint,
)
from jarvis_dagster.hockey.review.entries import parse_corrections
from jarvis_dagster.jobs import apply_corrections, made_of, recomputed
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace
from jarvis_dagster.sensors.folder_watch import Decision, watch
from jarvis_dagster.services.client_storage.notes import clear_note, read_text, write_note

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.settings import DriveSettings

__all__ = ["corrections_sensor"]

TAG = "jarvis/corrections"
_OPEN = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


def corrections_sensor(drive: "DriveSettings") -> dg.SensorDefinition:
    """The sensor, looking every ``drive.poll_interval_s`` seconds."""

    @dg.sensor(
        name="corrections_sensor",
        job=apply_corrections,
        minimum_interval_seconds=drive.poll_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Applies every corrections.yaml that is put or changed beside results, and"
        " makes again only what depends on it.",
    )
    @acts_as("spotlight")
    def sensor(
        context: dg.SensorEvaluationContext, uploads: UploadsResource
    ) -> dg.SensorResult | dg.SkipReason:
        return watch(
            context,
            uploads.inbox,
            drive,
            folder="Results",
            wanted=lambda file: file.name == CORRECTIONS_NAME,
            decide=lambda file: _decide(context, uploads, file),
        )

    return sensor


def _decide(
    context: dg.SensorEvaluationContext, uploads: UploadsResource, file: "DriveFile"
) -> Decision:
    drive = uploads.inbox.drive
    try:
        said = parse_corrections(read_text(drive, file)[0])
        key = _partition(context.instance, uploads, file)
    except BadInputError as error:
        write_note(drive, file, error)
        return Decision(f"got a note: {error.what}")
    clear_note(drive, file)
    folder = uploads.settings.data_dir / "work" / key
    space = Workspace(key, folder, uploads.core.storage_service)
    kinds = pending_kinds(space, said)
    if not kinds:
        return Decision("is applied already")
    answer = ask_to_correct(uploads, space, said, corrections_of(space), "the drive")
    if answer.state == "rejected":
        no = BadInputError(
            f"These corrections were not taken. {answer.words()}",
            "Change the file to have it asked again.",
        )
        write_note(drive, file, no)
        return Decision(f"got a note: {no.what}")
    if not answer.allowed:
        return Decision(f"waits for a person ({answer.id})", wait=True)
    return _request(context, key, said, kinds, busy=is_claimed(folder))


def _request(
    context: dg.SensorEvaluationContext,
    key: str,
    said: list[Correction],
    kinds: set[str],
    *,
    busy: bool,
) -> Decision:
    content = hashlib.sha256(f"{key}\0{fingerprint(said)}".encode()).hexdigest()[:32]
    runs = context.instance.get_runs(filters=dg.RunsFilter(tags={TAG: content}))
    if busy or any(run.status in _OPEN for run in runs):
        return Decision("waits: the video is being analysed now", wait=True)
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("The sensor is not part of a code location.")
    request = dg.RunRequest(
        run_key=f"{content}-{len(runs) + 1}",
        partition_key=key,
        asset_selection=recomputed(
            kinds, context.repository_def.asset_graph, made_of(context.instance, key)
        ),
        tags={TAG: content},
    )
    return Decision(f"has {len(said)} correction(s) of {key}", request)


def _partition(instance: dg.DagsterInstance, uploads: UploadsResource, file: "DriveFile") -> str:
    """The partition of the video whose results a file lies beside.

    Raises:
        BadInputError: it lies nowhere like that.
    """
    about = uploads.inbox.about_results(file)
    known = instance.get_dynamic_partitions(VIDEOS.name or "")
    if about.get("partition") in known:
        return about["partition"]
    sha256 = about.get("video_sha256", "")
    found = [key for key in known if sha256 and sha256.startswith(content_prefix(key))]
    if not found:
        raise BadInputError(
            f"{file.path} does not lie beside the results of a video.",
            "Put it into the folder in Results that the report of the video is in.",
        )
    return found[0]
