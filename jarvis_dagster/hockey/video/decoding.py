"""Decoder frames in order of display, numbered and timed; damage is passed over.

Belongs here: decoding and seeking. Does not belong here: arrays (``scaling``).
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.hockey.video.container import (
    LONGEST_GAP_S,
    PacketIndex,
    open_video,
    packet_index,
    picture_stream,
    whole_packets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer

    from jarvis_dagster.hockey.video.probing import VideoInfo

__all__ = ["Unsmoothed", "decoded", "unsmoothed_for"]

log = logging.getLogger(__name__)

_DAMAGED: Any = object()
_MOST_THREADS = 4

Unsmoothed = Literal["none", "unneeded", "all"]
"""Which frames are left as blocks: "unneeded" are those on which no other depends."""


def unsmoothed_for(info: VideoInfo, size: tuple[int, int]) -> Unsmoothed:
    """What may be left as blocks in pictures of ``size`` that people look at.

    In pictures made smaller nobody sees it: at 720 of 1080 lines they are 55 dB and more from the
    smoothed ones, where encoding them again leaves 41.
    """
    return "unneeded" if max(size) < max(info.width_px, info.height_px) else "none"


def decoded(
    path: Path,
    *,
    start: int = 0,
    stop: int | None = None,
    unsmoothed: Unsmoothed = "none",
    threads: int | None = None,
) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """Number, time and decoder frame (not turned, not scaled) of frames in ``[start, stop)``.

    Edges between blocks are not smoothed in frames that are ``unsmoothed``, for less work: in all,
    which lets small errors grow from frame to frame, or in those on which no other depends.

    By default one thread for each core decodes, but four at most (``threads``).
    """
    path = Path(path)
    threads = threads or min(os.cpu_count() or 1, _MOST_THREADS)
    index = packet_index(path) if start > 0 else None
    if index is not None and start < index.times_s.size:
        try:
            yield from _decoded_from(path, start, stop, index, unsmoothed, threads)
        except _SeekedTooFarError:
            log.debug("%s cannot be entered at frame %d; reading it from its head.", path, start)
        else:
            return
    count = 0
    for number, pts_s, frame in _decoded_all(path, stop, unsmoothed, threads):
        count += 1
        if number >= start:
            yield number, pts_s, frame
    if count == 0 and stop != 0:
        raise BadVideoError(
            f"“{path.name}” holds no picture that can be decoded.", "Upload it again."
        )


class _SeekedTooFarError(Exception):
    """Seeking went beyond the frame that was asked for."""


def _decoded_all(
    path: Path, stop: int | None, unsmoothed: Unsmoothed, threads: int
) -> Iterator[tuple[int, float, av.VideoFrame]]:
    with open_video(path) as container:
        stream = _prepared(container, path, unsmoothed, threads)
        clock = _Clock(float(stream.time_base or 0), float(stream.average_rate or 0) or 25.0)
        for number, frame in enumerate(_frames(container, stream, path)):
            if stop is not None and number >= stop:
                return
            yield number, clock(frame.pts), frame


def _decoded_from(
    path: Path,
    start: int,
    stop: int | None,
    index: PacketIndex,
    unsmoothed: Unsmoothed,
    threads: int,
) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """Frames from ``start``, reached by seeking; their number follows from their time."""
    import av

    with open_video(path) as container:
        stream = _prepared(container, path, unsmoothed, threads)
        base = float(stream.time_base or 1)
        try:
            container.seek(index.first_pts + int(index.times_s[start] / base), stream=stream)
        except av.error.FFmpegError as error:
            raise _SeekedTooFarError from error
        number = -1
        for frame in _frames(container, stream, path):
            if number < 0:
                seconds = ((frame.pts or 0) - index.first_pts) * base
                number = int(np.argmin(np.abs(index.times_s - seconds)))
                if number > start:
                    raise _SeekedTooFarError
            if stop is not None and number >= stop:
                return
            if number >= start:
                at = min(number, index.times_s.size - 1)
                yield number, float(index.times_s[at]), frame
            number += 1
        if number < 0:
            raise _SeekedTooFarError


def _prepared(
    container: InputContainer, path: Path, unsmoothed: Unsmoothed, threads: int
) -> av.VideoStream:
    stream = picture_stream(container, path)
    stream.codec_context.thread_type = "AUTO"
    # By itself the decoder starts one more than there are cores, on which others work too.
    stream.codec_context.thread_count = threads
    if unsmoothed != "none":
        context = stream.codec_context
        skipped = {"all": "all", "unneeded": "noref"}[unsmoothed]
        context.options = {**context.options, "skip_loop_filter": skipped}
    return stream


class _Clock:
    """Times from the first frame that neither run backwards nor leap for hours."""

    def __init__(self, time_base: float, fps: float) -> None:
        self._base, self._step = time_base, 1.0 / fps
        self._first: int | None = None
        self._zero = 0.0
        self._last = -self._step

    def __call__(self, pts: int | None) -> float:
        if pts is None:
            now = self._last + self._step
        else:
            if self._first is None:
                self._first, self._zero = pts, -(self._last + self._step)
            # As the packet index has it, to the last bit.
            now = (pts - self._first) * self._base - self._zero
            if not self._last < now < self._last + LONGEST_GAP_S:  # the clock was reset
                self._zero -= self._last + self._step - now
                now = self._last + self._step
        self._last = now
        return now


def _frames(
    container: InputContainer, stream: av.VideoStream, path: Path
) -> Iterator[av.VideoFrame]:
    """Whole pictures in order of display; damage is passed over and logged."""
    failures = [0]
    yield from _deinterlaced(_decoder_frames(container, stream, path, failures))
    if failures[0]:
        log.warning("%s: %d packets are damaged; their frames are lost.", path.name, failures[0])


def _decoder_frames(
    container: InputContainer, stream: av.VideoStream, path: Path, failures: list[int]
) -> Iterator[av.VideoFrame]:
    import av

    packets = whole_packets(container, stream, path.stat().st_size)
    for packet in itertools.chain((p or _DAMAGED for p in packets), [None]):
        if packet is _DAMAGED:
            failures[0] += 1
            continue
        try:
            yield from stream.decode(packet)  # None drains the decoder
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            failures[0] += 1


def _deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Rebuild whole pictures from fields (BWDIF); progressive video passes untouched."""
    first = next(frames, None)
    if first is None:
        return
    if not first.interlaced_frame:
        yield first
        yield from frames
        return
    import av

    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=first.width,
        height=first.height,
        format=first.format,
        time_base=first.time_base or Fraction(1, 90_000),
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    # The filter holds one frame back and halves the clock: the times are put back in order.
    times: deque[int | None] = deque()
    for frame in itertools.chain([first], frames, [None]):
        if frame is not None:
            times.append(frame.pts)
        graph.push(frame)
        yield from _pulled(graph, times)


def _pulled(graph: Any, times: deque[int | None]) -> Iterator[av.VideoFrame]:
    import av

    while times:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.pts = times.popleft()
        yield frame
