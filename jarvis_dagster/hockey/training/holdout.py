"""Which frames are kept from training, when nobody says which.

Belongs here: choosing a video, or the last part of the only one. Does not belong here: splits
by names that the user gave (``dataset``).

Frames of one video are near copies of their neighbours. A whole video is held out wherever one
can be spared; the last part of a video says less, and the caller is told so.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["Split", "hold_out", "in_order"]

_SHARE = 0.2
"""Of all frames: what is held out, as near as whole videos allow."""
_MOST = 0.4
"""A video with a larger share is too much to lose: its last part is held out instead."""
_LEAST_FRAMES = 8
_GAP = 0.03
"""Of a video, between the part that is trained on and the part that is held out."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Frames to train on, frames to judge by, and what the user should know of them."""

    training: list[Sample]
    held_out: list[Sample]
    name: str
    """What is held out, for people; empty where nothing is."""
    warning: str = ""


def hold_out(samples: Sequence[Sample]) -> Split:
    """Hold out about a fifth of ``samples``: a video, else the last part of the largest one.

    Of the videos that fit, one with goalkeepers is preferred. Fewer than about forty frames
    are too few to spare any.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.group, []).append(sample)
    fitting = [
        name
        for name, frames in groups.items()
        if len(groups) > 1 and _LEAST_FRAMES <= len(frames) <= _MOST * len(samples)
    ]
    if fitting:

        def unfit(name: str) -> tuple[bool, float, str]:
            keepers = any((sample.roles == 1).any() for sample in groups[name])
            return not keepers, abs(len(groups[name]) / len(samples) - _SHARE), name

        chosen = min(fitting, key=unfit)
        rest = [sample for sample in samples if sample.group != chosen]
        return Split(rest, groups[chosen], chosen)
    name = max(groups, key=lambda group: len(groups[group]))
    frames = sorted(groups[name], key=in_order)
    count = round(_SHARE * len(samples))
    if count < _LEAST_FRAMES or len(frames) - count < count:
        return Split(
            list(samples),
            [],
            "",
            f"{len(samples)} frames are too few to hold any out: nothing tells whether the new "
            "detector is better. Label another video, or name one with --hold-out.",
        )
    gap = max(1, round(_GAP * len(frames)))
    used = {id(sample) for sample in frames[len(frames) - count - gap :]}
    why = (
        "All frames are of one video"
        if len(groups) == 1
        else "No video is of the right size to be held out"
    )
    return Split(
        [sample for sample in samples if id(sample) not in used],
        frames[-count:],
        f"the last {count} frames of {name}",
        f"{why}: the last {count} frames of {name} are held out. They resemble those trained on, "
        "so the figures flatter; label a second video, tell videos apart in groups.csv, or name "
        "one with --hold-out.",
    )


def in_order(sample: Sample) -> list[tuple[int, str]]:
    """By the numbers in its name, so that frame 9 comes before frame 10."""
    parts = re.split(r"(\d+)", sample.image.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
