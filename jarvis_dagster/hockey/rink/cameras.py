"""Calibrations that are stored once for each camera that never moves.

Belongs here: which stored calibration belongs to a video, by the name of its file. Does not
belong here: making one (``marks``), or whether it still fits (``checking``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["camera_for"]


def camera_for(name: str, cameras: Mapping[str, Path]) -> tuple[str, Path] | None:
    """The pattern that the file ``name`` matches, and its calibration; the longest pattern wins.

    Patterns are as in a shell (``north-*.mp4``), whatever the case.
    """
    matching = [pattern for pattern in cameras if fnmatchcase(name.casefold(), pattern.casefold())]
    if not matching:
        return None
    best = max(matching, key=len)
    return best, cameras[best]
