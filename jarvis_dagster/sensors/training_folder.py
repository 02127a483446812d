"""Reads corrected labels back when they come into the drive's ``Training`` folder."""

import functools
import hashlib
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.jobs import read_labels
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.folder_watch import Decision, watch
from jarvis_dagster.toolchain.reviewing import DONE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.inbox import Inbox
    from jarvis_dagster.services.client_storage.manifest import Manifest
    from jarvis_dagster.settings import DriveSettings

__all__ = ["training_folder_sensor"]

_EXPORTS = (".zip", ".xml")


def training_folder_sensor(drive: "DriveSettings") -> dg.SensorDefinition:
    """The sensor, looking every ``drive.poll_interval_s`` seconds."""

    @dg.sensor(
        name="training_folder_sensor",
        job=read_labels,
        minimum_interval_seconds=drive.poll_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reads the labels of review tasks back when a person has corrected them.",
    )
    @acts_as("toolchain")
    def sensor(
        context: dg.SensorEvaluationContext, uploads: UploadsResource
    ) -> dg.SensorResult | dg.SkipReason:
        inbox = uploads.inbox
        manifest = functools.cache(inbox.manifest_at)
        asked: set[str] = set()

        def decide(file: "DriveFile") -> Decision:
            return _decide(inbox, drive, file, manifest, asked)

        return watch(context, inbox, drive, folder="Training", wanted=_is_wanted, decide=decide)

    return sensor


def _is_wanted(file: "DriveFile") -> bool:
    """Whether it may be labels of a review task: an export, or a label file of its YOLO folder."""
    path = PurePosixPath(file.path)
    if _task_folder(file) is None:
        return False
    is_label = path.suffix == ".txt" and path.parent.name == "labels"
    return path.suffix.lower() in _EXPORTS or is_label or path.name == DONE_NAME


def _task_folder(file: "DriveFile") -> str | None:
    """The folder of the review task that a file is in."""
    parts = file.path.split("/")
    for number, part in enumerate(parts[:-1]):
        if part.startswith("review-") and number and parts[number - 1] == "Training":
            return "/".join(parts[: number + 1])
    return None


def _decide(
    inbox: "Inbox",
    drive: "DriveSettings",
    file: "DriveFile",
    manifest: "Callable[[str], Manifest]",
    asked: set[str],
) -> Decision:
    task = _task_folder(file) or ""
    name = file.path[len(task) + 1 :]
    wrote = manifest(task)
    is_known = any(entry.file == name for entry in wrote.files)
    if is_known and wrote.is_own(name, inbox.drive.sha256(file.id)):
        return Decision("is as Jarvis wrote it")
    if PurePosixPath(file.path).suffix.lower() in _EXPORTS:
        content = file.sha256 or f"{file.id}\0{file.version}"
        return _request(drive, file.path, content, asked)
    folder = str(PurePosixPath(file.path).parent)
    if PurePosixPath(folder).name == "labels":
        folder = str(PurePosixPath(folder).parent)
    where = inbox.drive.find(folder)
    if where is None:
        return Decision("is gone")
    files = [one for one in inbox.drive.list_all(where.id, recursive=True) if _is_wanted(one)]
    is_done = any(one.name == DONE_NAME for one in files)
    quiet_s = time.time() - max(one.modified.timestamp() for one in files)
    if not is_done and 0 <= quiet_s < drive.labels_settle_s:
        return Decision("waits: labels of its folder were changed just now", wait=True)
    content = "\0".join(sorted(f"{one.id}\0{one.version}" for one in files))
    return _request(drive, folder, content, asked)


def _request(drive: "DriveSettings", path: str, content: str, asked: set[str]) -> Decision:
    """The run for an export or a folder; several files of one folder ask for the same."""
    key = hashlib.sha256(f"{path}\0{content}".encode()).hexdigest()[:32]
    if key in asked:
        return Decision("belongs to labels that are read")
    asked.add(key)
    config = {"source": f"{drive.name}:{path}"}
    request = dg.RunRequest(
        run_key=key,
        run_config={"ops": {"toolchain__labels": {"config": config}}},
        tags={"jarvis/labels": path[-200:]},
    )
    return Decision("has corrected labels", request)
