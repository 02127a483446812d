"""One pass over a video for all that want to see its frames.

Belongs here: who gets which frame, and in which thread. Does not belong here: what anybody
makes of it. Decoding is what a video costs most, so whoever looks at a video does it together
with others where that is possible.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from jarvis_dagster.hockey.video.decoding import decoded
from jarvis_dagster.hockey.video.prefetch import ahead, by_several

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    import av

    from jarvis_dagster.hockey.video.decoding import Unsmoothed

__all__ = ["Watcher", "watch"]

_PROGRESS_EVERY = 25


class Watcher(Protocol):
    """Somebody who looks at frames of a video.

    Frames are prepared in one thread and taken in by another, one by one and in order. In between
    some are thought about at the same time, in threads of their own: :meth:`think` must not
    depend on what it was asked before.

    May have an attribute ``at_once``: how many threads are worth having that think; one without.
    """

    def prepare(self, number: int, pts_s: float, frame: av.VideoFrame) -> Any:
        """What is needed of a decoder's frame, or None where nothing is."""
        ...

    def think(self, seen: Any) -> Any:
        """What costs most: of what was prepared to what is taken in."""
        ...

    def take(self, thought: Any) -> None:
        """Keep what is worth keeping."""
        ...


def watch(
    path: Path,
    watchers: Sequence[Watcher],
    *,
    frames: int = 0,
    start: int = 0,
    stop: int | None = None,
    unsmoothed: Unsmoothed = "unneeded",
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Show frames of a video to all ``watchers``; tells the number behind the last one.

    Args:
        start: The first frame; reached by seeking where the file allows it.
        stop: End, exclusive; None is the end of the video.
        frames: How many there should be, for ``progress``.
        unsmoothed: Frames that are decoded a little quicker and less exactly. Those on which no
            other depends are, for the same people: of 1865 boxes one was lost.
        progress: Called with frames done and in all.

    Raises:
        BadVideoError: the video cannot be decoded.
    """

    def thought(item: tuple[int, list[Any]]) -> tuple[int, list[Any]]:
        number, prepared = item
        pairs = zip(watchers, prepared, strict=True)
        return number, [None if seen is None else watcher.think(seen) for watcher, seen in pairs]

    count = 0
    frames_read = decoded(path, start=start, stop=stop, unsmoothed=unsmoothed)
    at_once = max((getattr(watcher, "at_once", 1) for watcher in watchers), default=1)
    with contextlib.closing(
        by_several(ahead(_prepared(frames_read, watchers)), thought, at_once)
    ) as thoughts:
        for number, mine in thoughts:
            for watcher, one in zip(watchers, mine, strict=True):
                if one is not None:
                    watcher.take(one)
            count = number + 1
            if progress is not None and number % _PROGRESS_EVERY == 0:
                progress(number, max(frames, number))
    if progress is not None:
        progress(count, count)
    return count


def _prepared(
    frames: Iterator[tuple[int, float, av.VideoFrame]], watchers: Sequence[Watcher]
) -> Generator[tuple[int, list[Any]], None, None]:
    for number, pts_s, frame in frames:
        yield number, [watcher.prepare(number, pts_s, frame) for watcher in watchers]
