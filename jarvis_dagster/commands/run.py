"""``jarvis run``: one video through the whole way, in this process.

Belongs here: running the job that the sensor would start, once the video is
where a coach would put it (``upload``). Does not belong here: anything that the
job does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

from jarvis_dagster.claims import claim
from jarvis_dagster.commands.running_here import run_here
from jarvis_dagster.commands.upload import dagster_instance, inspect, place, sample_video
from jarvis_dagster.disk import require_room
from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import dagster as dg
    from rich.console import Console

    from jarvis_dagster.services.client_storage.inbox import Inbox, Upload
    from jarvis_dagster.settings import Settings
    from jarvis_dagster.stack.config import ProgramName

__all__ = ["Delivered", "run_video", "servers"]

NEEDED: tuple[ProgramName, ...] = ("object-store",)


@dataclasses.dataclass(frozen=True)
class Delivered:
    """Where the results of a run are."""

    partition: str
    folder: Path
    files: tuple[Path, ...]
    seconds: float


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
    if output is not None:
        _make(output)
    with Display(console) as display:
        DisplayProgress.show_on(display)
        path = video if video is not None else sample_video(settings, display)
        inbox = inbox_of(settings)
        sha256 = inspect(settings, path)
        with (
            _full_disk_explained(settings),
            dagster_instance(settings) as instance,
            _claimed(settings, instance, inbox, path, sha256) as partition,
        ):
            upload = place(inbox, path, sha256, display)
            with servers(settings, console, keep):
                result = _execute(settings, instance, partition, upload)
    delivered = result.asset_materializations_for_node("delivery__results")
    if not delivered:
        raise PermanentError(
            f"The results of {path.name} are ready, and wait until a person approves them.",
            "See `jarvis approvals list`; `jarvis approvals apply` delivers what was approved.",
        )
    metadata = delivered[0].metadata
    folder = _local_folder(inbox, str(metadata["folder"].value))
    files = tuple(sorted(p for p in folder.rglob("*") if p.is_file()))
    if output is not None:
        files = _copy(files, folder, output)
        folder = output
    return Delivered(partition, folder, files, time.monotonic() - began)


@contextlib.contextmanager
def _full_disk_explained(settings: Settings) -> Iterator[None]:
    """Name the full disk that made servers and databases fail in ways of their own."""
    try:
        yield
    except Exception as error:
        try:
            require_room(settings)
        except PermanentError as full:
            raise full from error
        raise


def servers(
    settings: Settings, console: Console, keep: bool
) -> contextlib.AbstractContextManager[None]:
    from jarvis_dagster.stack import borrowed

    if settings.storage is not None:
        return contextlib.nullcontext()  # the object store is somebody else's
    return borrowed(
        settings.stack,
        NEEDED,
        keep=keep,
        on_start=lambda names: console.print(f"Starting {', '.join(names)}"),
    )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"{output} cannot be made a folder ({error.strerror}).", "Name another one."
        ) from error


def _copy(files: tuple[Path, ...], folder: Path, output: Path) -> tuple[Path, ...]:
    copies = tuple(output / file.relative_to(folder) for file in files)
    try:
        for file, copy in zip(files, copies, strict=True):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
    except OSError as error:
        raise PermanentError(
            f"The results cannot be copied to {output} ({error.strerror}).",
            f"All of them are in {folder}.",
        ) from error
    return copies


def _local_folder(inbox: Inbox, path: str) -> Path:
    folder = inbox.local_path(path)
    if folder is None:
        raise NotSupportedError(
            f"The results are in {path} of the drive, which is not on this machine.",
            "Open the drive, or use a local one for `jarvis run`.",
        )
    return folder


@contextlib.contextmanager
def _claimed(
    settings: Settings, instance: dg.DagsterInstance, inbox: Inbox, video: Path, sha256: str
) -> Iterator[str]:
    """The partition of the video, which the sensor leaves alone within the block.

    Raises:
        PermanentError: somebody else is analysing it.
    """
    from jarvis_dagster.assets.partitions import VIDEOS
    from jarvis_dagster.sensors.intake import Intake

    key = Intake(instance, inbox, settings).partition(video.name, sha256)
    with claim(settings.data_dir / "work" / key) as mine:
        if not mine:
            raise PermanentError(
                f"{video.name} is being analysed now, by another run.",
                "Try again when it has ended.",
            )
        _refuse_if_worked_on(settings, instance, video.name, sha256)
        # The sensor knows the content by its partition, whatever name the drive gives the file.
        instance.add_dynamic_partitions(VIDEOS.name or "", [key])
        yield key


def _refuse_if_worked_on(
    settings: Settings, instance: dg.DagsterInstance, name: str, sha256: str
) -> None:
    """Leave alone what the daemon has queued or is running.

    Raises:
        PermanentError: it has this content.
    """
    import dagster as dg

    from jarvis_dagster.sensors.intake import CONTENT_TAG
    from jarvis_dagster.stack import stack_status
    from jarvis_dagster.stack.runs import give_up_abandoned

    give_up_abandoned(instance)
    status = dg.DagsterRunStatus
    open_runs = dg.RunsFilter(
        tags={CONTENT_TAG: sha256}, statuses=[status.QUEUED, status.STARTING, status.STARTED]
    )
    working = instance.get_runs(filters=open_runs)
    states = {row.program: row.state for row in stack_status(settings.stack)} if working else {}
    if states.get("dagster-daemon") == "ready":
        raise PermanentError(
            f"{name} is being analysed now, by run {working[0].run_id}.",
            "Watch it in Dagster, or try again when it has ended.",
        )


def _execute(
    settings: Settings, instance: dg.DagsterInstance, partition: str, upload: Upload
) -> Any:
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.commands.display import DisplayProgress
    from jarvis_dagster.resources.workspace import WorkspaceResource
    from jarvis_dagster.sensors.intake import run_tags

    overrides = {"progress": DisplayProgress(), "workspace": WorkspaceResource(claims=False)}
    definitions = build_definitions(overrides=overrides)
    # A look of the sensor that began before the claim may have asked for it.
    _refuse_if_worked_on(settings, instance, upload.name, upload.sha256)
    return run_here(
        definitions, "process_video", instance, partition_key=partition, tags=run_tags(upload)
    )
