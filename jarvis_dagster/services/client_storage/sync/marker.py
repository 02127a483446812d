"""The file by which a folder shows that it is the one it is taken for.

Belongs here: what it is called and holds, putting it there. Does not belong
here: what a missing one means (``guards.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.sync.model import Side

__all__ = ["marker_name", "place_marker"]

_TEXT = """\
Jarvis keeps this folder and another one in step.

By this file it knows that the folder is the right one and is connected. Please
leave it here: without it nothing is synchronised, so that a drive that is not
connected is not taken for a folder whose files were all deleted.
"""


def marker_name(pair: str) -> str:
    """The name of the marker of a pair of folders."""
    return f"jarvis-sync-{pair}.txt"


def place_marker(side: Side, pair: str, scratch: Path) -> None:
    """Put the marker into a side's folder; one that is there stays.

    Raises:
        JarvisError: the drive did not take it.
    """
    scratch.write_text(_TEXT, "utf-8")
    placed = side.drive.upload(scratch, side.folder_id, marker_name(pair), exact=True)
    if placed.name != marker_name(pair):
        raise PermanentError(
            f"The drive made {placed.name} of {marker_name(pair)}.", "Synchronise another folder."
        )
