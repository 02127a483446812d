"""Files that people write for Jarvis in the drive, and notes that answer them.

Belongs here: reading a small file of a person, a note beside a file that cannot be
used. Does not belong here: what is in the files, and videos (``inbox``).
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, ConflictError, JarvisError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = [
    "NOTE_SUFFIX",
    "UNDELIVERED_NAME",
    "clear_note",
    "clear_undelivered",
    "read_text",
    "write_note",
    "write_text",
    "write_undelivered",
]

NOTE_SUFFIX = ".problem.txt"
UNDELIVERED_NAME = "Not delivered.txt"


def read_text(drive: Drive, file: DriveFile, *, most_bytes: int = 1 << 20) -> tuple[str, DriveFile]:
    """The text of a small file, and the version that it is of.

    Raises:
        BadInputError: it is too large, or no text.
    """
    if file.size > most_bytes:
        raise BadInputError(
            f"{file.path} has {file.size:,} bytes, which is more than {most_bytes:,}.",
            "Make it smaller.",
        )
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "file"
        fetched = drive.download(file.id, path)
        try:
            return path.read_text("utf-8-sig"), fetched
        except UnicodeDecodeError as error:
            raise BadInputError(
                f"{file.path} is not text in UTF-8.", "Save it as UTF-8, without formatting."
            ) from error


def write_text(
    drive: Drive, folder: DriveFile, name: str, text: str, replace: DriveFile | None
) -> DriveFile:
    """Write a small file in place of the version that was read.

    Raises:
        ConflictError: somebody changed it meanwhile; nothing was written.
    """
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "file"
        path.write_text(text, "utf-8")
        return drive.upload(path, folder.id, name, replace=replace, exact=True)


def write_note(drive: Drive, file: DriveFile, error: JarvisError) -> None:
    """Say beside a file why it cannot be used; the file itself stays as it is."""
    folder, _, name = file.path.rpartition("/")
    parent = drive.find(folder)
    if parent is None:
        return
    text = f"{name} was not used.\n\nWhy: {error.what}\n"
    if error.remedy:
        text += f"What to do: {error.remedy}\n"
    text += "\nThis note goes away once the file has been mended.\n"
    there = drive.find(file.path + NOTE_SUFFIX)
    try:
        write_text(drive, parent, name + NOTE_SUFFIX, text, there)
    except ConflictError:  # another look wrote it at the same time
        return


def clear_note(drive: Drive, file: DriveFile) -> None:
    """Take the note beside a file away."""
    there = drive.find(file.path + NOTE_SUFFIX)
    if there is not None:
        drive.trash(there.id)


def write_undelivered(drive: Drive, folder: DriveFile, name: str, why: Sequence[str]) -> None:
    """Say in the results folder of a video why there are no new results in it."""
    lines = "\n".join(f"- {sentence}" for sentence in why)
    text = (
        f"The results of {name} were not delivered.\n\n"
        "What was found in it contradicts itself, so it cannot be trusted:\n"
        f"{lines}\n\n"
        "This is a fault of Jarvis, not of the video. What to do: send this note to whoever"
        " runs Jarvis for you. The video is analysed again once the fault is mended; results"
        " that are in this folder already are of an earlier analysis.\n"
    )
    there = drive.find(f"{folder.path}/{UNDELIVERED_NAME}")
    with contextlib.suppress(ConflictError):  # another run wrote it at the same time
        write_text(drive, folder, UNDELIVERED_NAME, text, there)


def clear_undelivered(drive: Drive, folder: DriveFile) -> None:
    """Take that note away."""
    there = drive.find(f"{folder.path}/{UNDELIVERED_NAME}")
    if there is not None:
        drive.trash(there.id)
