"""Putting a video where a coach would, and making it known to Dagster.

Belongs here: which file it is, and what is asked of it before it is copied.
Does not belong here: analysing it (``run``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.disk import is_full_disk, require_room
from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.inbox import CALIBRATION_SUFFIX
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from sqlalchemy.exc import DBAPIError

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.services.client_storage.inbox import Inbox, Upload
    from jarvis_dagster.settings import Settings

__all__ = ["dagster_instance", "inspect", "place", "register_video", "sample_video"]


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
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance whose history `jarvis up` shows.

    Raises:
        TransientError: its database cannot be used now, at the start or in the block.
        PermanentError: its database is damaged.
    """
    import dagster as dg
    from sqlalchemy.exc import DBAPIError

    from jarvis_dagster.stack import write_dagster_home

    if not os.environ.get("DAGSTER_HOME"):
        home = settings.data_dir / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        write_dagster_home(settings.stack)
        os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    except DBAPIError as error:
        if is_full_disk(error):
            raise  # a word of its own is said of that
        raise _unusable(error, os.environ["DAGSTER_HOME"]) from error


def _unusable(error: DBAPIError, home: str) -> JarvisError:
    """Why Dagster's database cannot be used, and what to do."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    said = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
    if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransientError(
            f"Another program holds Dagster's database in {home} ({said}).",
            "Try again in a minute; end what has it open for so long, such as a copy of the folder"
            " or an sqlite3 shell.",
        )
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return PermanentError(
            f"Dagster's database in {home} is damaged ({said}).",
            "Put it back from a backup: `jarvis backup restore`.",
        )
    return TransientError(
        f"Dagster's database of {home} cannot be used ({said}).",
        "See `jarvis status`, or whether its database server runs; then try again.",
    )


def inspect(settings: Settings, video: Path) -> str:
    """The hash of a video that can be analysed here.

    Raises:
        BadInputError: it cannot be analysed.
        PermanentError: there is no room to.
    """
    from jarvis_dagster.hockey.video import probe

    if not video.is_file():
        what = "is a folder" if video.is_dir() else "does not exist"
        raise BadInputError(f"{video} {what}.", "Name a video file.")
    size, most = video.stat().st_size, settings.drive.max_upload_gb
    if size > most * 1e9:
        raise BadInputError(
            f"{video} has {size / 1e9:.1f} GB, more than the {most:g} GB that are taken.",
            "Cut it into parts, or raise `drive.max_upload_gb`.",
        )
    probe(video)  # what cannot be analysed does not get as far as the drive
    require_room(settings, size)
    return sha256_file(video)


def place(inbox: Inbox, video: Path, sha256: str, display: Display) -> Upload:
    """Put the video, and the calibration beside it, into the drive's Uploads folder."""
    return inbox.place(video, sha256, lambda done, total: display.update("upload", done, total))


def register_video(settings: Settings, video: Path, display: Display) -> str:
    """Upload a video and add its partition, without running anything."""
    from jarvis_dagster.assets.partitions import VIDEOS
    from jarvis_dagster.sensors.intake import Intake
    from jarvis_dagster.wiring import inbox_of

    inbox = inbox_of(settings)
    sha256 = inspect(settings, video)
    place(inbox, video, sha256, display)
    with dagster_instance(settings) as instance:
        key = Intake(instance, inbox, settings).partition(video.name, sha256)
        instance.add_dynamic_partitions(VIDEOS.name or "", [key])
    return key
