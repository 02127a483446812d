"""Names of pictures and videos.

Belongs here: a video from a file name, names that no two pictures share. Does not belong here:
reading anything.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["distinct_names", "guessed_videos", "plain_video_name"]

_ROBOFLOW = re.compile(r"(_(jpe?g|png|bmp|webp))?\.rf\.[0-9a-zA-Z]{8,40}$", re.IGNORECASE)
_NUMBER = re.compile(r"[-_. ]*(frame|frm|img|image|f|t)?[-_. ]*\d+(s|ms)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 100


def guessed_videos(paths: Sequence[Path], dataset: str) -> dict[Path, str]:
    """The video of each picture by its name without the frame's number.

    ``tigers_home_000123_jpg.rf.0a1b….jpg`` is of ``tigers_home``. Where names say nothing, as
    in ``000123.jpg`` or in names that are nearly all different, the dataset is one video.
    """
    stems = {path: _NUMBER.sub("", _ROBOFLOW.sub("", path.stem)).strip("-_. ") for path in paths}
    if 2 * len(set(stems.values())) > len(paths):
        stems = dict.fromkeys(paths, "")
    return {path: stem or dataset for path, stem in stems.items()}


def plain_video_name(name: str) -> str:
    """A video's name without what separates columns, paths or lines."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip("_. ")
    return plain[:_LONGEST] or "video"


def distinct_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A file name for each picture; no two share a stem, in any case."""
    taken: set[str] = set()
    names = {}
    for path in paths:
        stem = _UNSAFE.sub("_", unicodedata.normalize("NFC", path.stem)).strip("_. ") or "picture"
        stem = stem[:_LONGEST]
        candidate, number = stem, 2
        while candidate.casefold() in taken:
            candidate = f"{stem}-{number}"
            number += 1
        taken.add(candidate.casefold())
        names[path] = candidate + path.suffix.lower()
    return names
