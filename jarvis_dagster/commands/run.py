"""``jarvis run``: one video through the whole way, in this process.

Belongs here: putting the video where a coach would, and running the job that
the sensor would start. Does not belong here: anything that the job does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage.inbox import CALIBRATION_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from rich.console import Console

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.services.client_storage.inbox import Inbox, Upload
    from jarvis_dagster.settings import Settings
    from jarvis_dagster.stack.config import ProgramName

__all__ = ["Delivered", "register_video", "run_video", "sample_video"]

NEEDED: tuple[ProgramName, ...] = ("object-store",)


@dataclasses.dataclass(frozen=True)
class Delivered:
    """Where the results of a run are."""

    partition: str
    folder: Path
    files: tuple[Path, ...]
    seconds: float


def sample_video(settings: Settings, display: Display, seconds: float = 24.0) -> Path:
    """The rendered game that stands in when no video is named; rendered once."""
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    folder = settings.data_dir / "sample"
    video = folder / "sample_game.mp4"
    if not video.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            truth = render_game(
                Path(scratch),
                GameSpec(seed=7, duration_s=seconds),
                progress=lambda done, total: display.update("render", done, total),
            )
            calibration = Path(scratch) / "calibration.json"
            calibration.replace(folder / f"{video.stem}{CALIBRATION_SUFFIX}")
            truth.video.replace(video)
    return video


@contextlib.contextmanager
def _servers(settings: Settings, console: Console, keep: bool) -> Iterator[None]:
    """Start what the job needs and is not running; stop what was started."""
    from jarvis_dagster.stack import ensure_up, stack_status, stop

    if settings.storage is not None:
        yield  # the object store is somebody else's
        return
    up = {row.program for row in stack_status(settings.stack) if row.state == "ready"}
    needed = [name for name in NEEDED if name not in up]
    if needed:
        console.print(f"Starting {', '.join(needed)}")
        ensure_up(settings.stack, programs=needed)
    try:
        yield
    finally:
        if needed and not keep:
            # All of it, the supervisor too, unless others were up before.
            stop(settings.stack, programs=needed if up else None)


@contextlib.contextmanager
def _instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance whose history `jarvis up` shows."""
    import dagster as dg

    from jarvis_dagster.stack import write_dagster_home

    if not os.environ.get("DAGSTER_HOME"):
        home = settings.data_dir / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        write_dagster_home(settings.stack)
        os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


def _place(inbox: Inbox, video: Path, display: Display) -> Upload:
    """Put the video, and the calibration beside it, into the drive's Uploads folder."""
    from jarvis_dagster.hockey.video import probe

    if not video.is_file():
        what = "is a folder" if video.is_dir() else "does not exist"
        raise BadInputError(f"{video} {what}.", "Name a video file.")
    probe(video)  # what cannot be analysed does not get as far as the drive
    return inbox.place(video, progress=lambda d, t: display.update("upload", d, t))


def register_video(settings: Settings, video: Path, display: Display) -> str:
    """Upload a video and add its partition, without running anything."""
    from jarvis_dagster.assets.partitions import VIDEOS
    from jarvis_dagster.sensors.intake import Intake
    from jarvis_dagster.wiring import inbox_of

    inbox = inbox_of(settings)
    upload = _place(inbox, video, display)
    with _instance(settings) as instance:
        key = Intake(instance, inbox, settings.drive).partition(upload)
        instance.add_dynamic_partitions(VIDEOS.name or "", [key])
    return key


def run_video(
    settings: Settings, video: Path | None, console: Console, *, output: Path | None, keep: bool
) -> Delivered:
    """Analyse ``video`` (None: the sample game) and deliver the results.

    Raises:
        BadInputError: the video cannot be analysed.
        PermanentError: a step failed; the message is the step's own.
    """
    import time

    from jarvis_dagster.commands.display import Display, DisplayProgress
    from jarvis_dagster.wiring import inbox_of

    began = time.monotonic()
    with Display(console) as display:
        DisplayProgress.show_on(display)
        path = video if video is not None else sample_video(settings, display)
        inbox = inbox_of(settings)
        upload = _place(inbox, path, display)
        with _servers(settings, console, keep), _instance(settings) as instance:
            partition, result = _execute(settings, instance, inbox, upload)
            _raise_failure(result)
    metadata = result.asset_materializations_for_node("delivery__results")[0].metadata
    folder = _local_folder(inbox, str(metadata["folder"].value))
    files = tuple(sorted(p for p in folder.rglob("*") if p.is_file()))
    if output is not None:
        shutil.copytree(folder, output, dirs_exist_ok=True)
        files = tuple(output / file.relative_to(folder) for file in files)
        folder = output
    return Delivered(partition, folder, files, time.monotonic() - began)


def _local_folder(inbox: Inbox, path: str) -> Path:
    folder = inbox.local_path(path)
    if folder is None:
        raise NotSupportedError(
            f"The results are in {path} of the drive, which is not on this machine.",
            "Open the drive, or use a local one for `jarvis run`.",
        )
    return folder


def _execute(
    settings: Settings, instance: dg.DagsterInstance, inbox: Inbox, upload: Upload
) -> tuple[str, Any]:
    import dagster as dg

    from jarvis_dagster.assets.partitions import VIDEOS
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.commands.display import DisplayProgress
    from jarvis_dagster.sensors.intake import CONTENT_TAG, Intake

    key = Intake(instance, inbox, settings.drive).partition(upload)
    working = instance.get_runs(
        filters=dg.RunsFilter(
            tags={CONTENT_TAG: upload.sha256},
            statuses=[
                dg.DagsterRunStatus.QUEUED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.STARTED,
            ],
        )
    )
    if working and _alive(settings):
        raise PermanentError(
            f"{upload.name} is being analysed now, by run {working[0].run_id}.",
            "Watch it in Dagster, or try again when it has ended.",
        )
    instance.add_dynamic_partitions(VIDEOS.name or "", [key])
    job = build_definitions(overrides={"progress": DisplayProgress()}).resolve_job_def(
        "process_video"
    )
    result = job.execute_in_process(
        instance=instance,
        partition_key=key,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={
            CONTENT_TAG: upload.sha256,
            "jarvis/file_id": upload.file_id,
            "jarvis/video": upload.name[:200],
        },
        raise_on_error=False,
    )
    return key, result


def _alive(settings: Settings) -> bool:
    """Whether a daemon that could be running something is up."""
    from jarvis_dagster.stack import stack_status

    rows = {row.program: row.state for row in stack_status(settings.stack)}
    return rows.get("dagster-daemon") == "ready"


def _raise_failure(result: Any) -> None:
    """Say in one line what a failed step said."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None:
            raise PermanentError(failure.description or "A step failed.")
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        message = error.message.strip() if error is not None else "no message"
        raise JarvisError(
            f"{event.step_key} failed: {message}", "Run again with -v to see where it happened."
        )
    if not result.success:
        raise JarvisError("The run did not finish.", "Its log is in the Dagster UI (`jarvis up`).")
