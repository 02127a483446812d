"""Some frames of a video for little work.

Belongs here: frames that are known beforehand, decoding no more than they need. Does not belong
here: every frame (``reading``), or which frames are worth a look.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.video.container import (
    open_video,
    packet_index,
    picture_stream,
    whole_packets,
)
from jarvis_dagster.hockey.video.decoding import decoded
from jarvis_dagster.hockey.video.probing import probe
from jarvis_dagster.hockey.video.reading import Frame
from jarvis_dagster.hockey.video.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import av
    from av.container import InputContainer
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video.container import PacketIndex

__all__ = ["key_frames", "looks", "read_some"]


def looks(path: Path, every_s: float) -> list[int]:
    """Numbers of frames about ``every_s`` apart that cost little to decode.

    A key frame, which needs no other frame, stands for the times around it.
    """
    index = packet_index(path)
    info = probe(path)
    times = index.times_s
    if not times.size:
        return list(range(0, info.frame_count, max(1, round(every_s * info.fps))))
    due = np.arange(0.0, times[-1] + 1e-9, every_s)
    exact = np.clip(np.searchsorted(times, due - 1e-6), 0, times.size - 1)
    keys = _key_frames(path, index)
    if not keys.size:
        return sorted({int(i) for i in exact})
    at = np.clip(np.searchsorted(times[keys], due), 1, max(1, keys.size - 1))
    before, after = keys[at - 1], keys[np.minimum(at, keys.size - 1)]
    near = np.where(due - times[before] <= times[after] - due, before, after)
    chosen = np.where(np.abs(times[near] - due) <= every_s / 2, near, exact)
    return sorted({int(i) for i in chosen})


def key_frames(path: Path) -> list[int]:
    """Numbers of the frames that need no other; none where packets carry no times."""
    index = packet_index(path)
    return _key_frames(path, index).tolist() if index.times_s.size else []


def read_some(
    path: Path, numbers: Iterable[int], *, size: tuple[int, int] | None = None
) -> Iterator[Frame]:
    """The frames with these numbers, in order; those that cannot be decoded are left out.

    A group of frames that depend on each other is decoded only as far as it is needed, and
    frames on which no other depends only where they are asked for.

    Raises:
        BadVideoError: the file is not a readable video.
    """
    wanted = sorted(set(numbers))
    if not wanted:
        return
    if size is None:
        info = probe(path)
        size = info.width_px, info.height_px
    scaler = Scaler(size, "bgr24")
    index = packet_index(path)
    if index.times_s.size and wanted[-1] < index.times_s.size:
        with open_video(path) as container:
            found = _selected(container, path, index, wanted)
            first = next(found, None)
            if first is None or not first[1].interlaced_frame:
                if first is not None:
                    yield _frame(first, index, scaler)
                    yield from (_frame(one, index, scaler) for one in found)
                return
    # Without times, or with pictures that are put together from fields: one after the other.
    chosen = set(wanted)
    for number, pts_s, picture in decoded(path, stop=wanted[-1] + 1):
        if number in chosen:
            yield Frame(number, pts_s, scaler(picture))


def _frame(found: tuple[int, av.VideoFrame], index: PacketIndex, scaler: Scaler) -> Frame:
    number, picture = found
    return Frame(number, float(index.times_s[number]), scaler(picture))


def _key_frames(path: Path, index: PacketIndex) -> NDArray[np.int64]:
    """Numbers of the frames that need no other."""
    base, stamps = _key_stamps_of(path)
    times = (stamps - index.first_pts) * base
    return np.unique(np.searchsorted(index.times_s, times - 1e-6)).astype(np.int64)


def _key_stamps_of(path: Path) -> tuple[float, NDArray[np.int64]]:
    """Time base and time stamps of the key frames, from the packets alone."""
    status = path.absolute().stat()
    return _key_stamps(str(path.absolute()), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _key_stamps(path: str, _mtime_ns: int, size: int) -> tuple[float, NDArray[np.int64]]:
    with open_video(Path(path)) as container:
        stream = picture_stream(container, Path(path))
        packets = whole_packets(container, stream, size)
        keys = [p.pts for p in packets if p is not None and p.is_keyframe and p.pts is not None]
        return float(stream.time_base or 1), np.array(sorted(keys), np.int64)


def _selected(
    container: InputContainer, path: Path, index: PacketIndex, wanted: list[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Wanted frames and their numbers."""
    stream = picture_stream(container, path)
    stream.codec_context.thread_type = "AUTO"
    base = float(stream.time_base or 1)
    stamps = np.array([index.first_pts + round(index.times_s[n] / base) for n in wanted])
    asked = dict(zip(stamps.tolist(), wanted, strict=True))
    _, keys = _key_stamps_of(path)
    unsent: set[int] = set()  # what is wanted of this group of frames
    for packet in whole_packets(container, stream, path.stat().st_size):
        if packet is None or packet.pts is None:
            continue
        if packet.is_keyframe:
            after = keys[np.searchsorted(keys, packet.pts, "right") :][:1]
            end = after[0] if after.size else np.inf
            unsent = set(stamps[(stamps >= packet.pts) & (stamps < end)].tolist())
        if not unsent:
            continue
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in unsent else "NONREF"
        unsent.discard(packet.pts)
        yield from _pictures(stream, packet, asked)
        if not unsent:  # what follows in this group is not needed
            yield from _pictures(stream, None, asked)
            stream.codec_context.flush_buffers()
            if packet.pts >= stamps[-1]:
                return
    yield from _pictures(stream, None, asked)  # the file ended within a group


def _pictures(
    stream: av.VideoStream, packet: av.Packet[Any] | None, asked: dict[int, int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """What the decoder has ready, if it was asked for; ``None`` drains it."""
    import av

    try:
        for picture in stream.decode(packet):
            number = asked.pop(picture.pts, None) if picture.pts is not None else None
            if number is not None:
                yield number, picture
    except av.error.FFmpegError:
        return  # damage; the frames that it costs are left out
