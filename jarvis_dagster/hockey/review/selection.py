"""Which frames of all videos to label: much to learn from each, and each unlike the others.

Belongs here: the choice. Does not belong here: signs of one frame (``signals``), pictures.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jarvis_dagster.hockey.review.signals import Candidate

__all__ = ["Choice", "choose"]

_SAME_VIDEO = 0.85
_SAME_LOOK = 0.97
_SAME_REASON = 0.93
"""What each frame chosen before of the same video, light and kits, or reason takes away."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """A frame that was chosen, and what it was worth when it was."""

    candidate: Candidate
    worth: float


def choose(
    found: Iterable[Candidate],
    count: int,
    *,
    gap_s: float = 5.0,
    taken: Sequence[tuple[str, float]] = (),
) -> list[Choice]:
    """At most ``count`` frames, the most telling first.

    Greedy: each next frame is the one with the highest score after what its likeness to
    those before it takes away. No two of a video are within ``gap_s``.

    Args:
        taken: Video and seconds of frames that were labelled before: their neighbours are
            left out too.
    """
    left = sorted(found, key=lambda one: (-one.score, one.video, one.frame))
    times: dict[str, list[float]] = {}
    for video, seconds in taken:
        times.setdefault(video, []).append(seconds)
    videos: Counter[str] = Counter()
    looks: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    chosen: list[Choice] = []

    def worth(one: Candidate) -> float:
        alike = _SAME_VIDEO ** videos[one.video] * _SAME_LOOK ** looks[one.look]
        return one.score * alike * _SAME_REASON ** kinds[_kind(one)]

    left = [one for one in left if _is_apart(one, times, gap_s)]
    while left and len(chosen) < count:
        best, most = left[0], -1.0
        for one in left:
            if one.score <= most:  # the rest are worth less before anything is taken away
                break
            value = worth(one)
            if value > most:
                best, most = one, value
        chosen.append(Choice(best, most))
        times.setdefault(best.video, []).append(best.pts_s)
        videos[best.video] += 1
        looks[best.look] += 1
        kinds[_kind(best)] += 1
        left = [one for one in left if one.video != best.video or _is_apart(one, times, gap_s)]
    return chosen


def _is_apart(one: Candidate, times: dict[str, list[float]], gap_s: float) -> bool:
    return all(abs(one.pts_s - other) >= gap_s for other in times.get(one.video, ()))


def _kind(one: Candidate) -> str:
    from jarvis_dagster.hockey.review.signals import WEIGHTS

    return max(one.signs, key=lambda kind: WEIGHTS[kind] * one.signs[kind], default="")
