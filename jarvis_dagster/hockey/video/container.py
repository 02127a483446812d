"""Opening a media file safely, choosing its picture stream, indexing its packets.

Belongs here: what probing and reading share below the level of frames. Does not
belong here: decoding for its own sake, or any judgement on the pictures.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadVideoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer
    from numpy.typing import NDArray

__all__ = [
    "LONGEST_GAP_S",
    "PacketIndex",
    "open_video",
    "packet_index",
    "picture_stream",
    "quarter_turns",
    "whole_packets",
]

log = logging.getLogger(__name__)

# Demuxers that open other files while they look at one.
_PLAYLISTS = {"concat", "dash", "hls", "imf", "rtsp", "sdp"}
_PLAYLIST_STARTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD")
# Demuxers that turn a text or picture into "video".
_NOT_VIDEO = ("tty", "image2", "ffmetadata", "lavfi", "webvtt", "srt")


LONGEST_GAP_S = 3600.0
"""A longer step between two frames is a damaged clock, not a pause."""


@dataclasses.dataclass(frozen=True)
class PacketIndex:
    """What the packets of the picture stream say, whatever the header claims.

    Args:
        times_s: Presentation times, ascending, from the first one; float64 (N,).
            Empty when the packets carry no usable times.
        count: Packets that will be shown.
        damaged: Packets that are cut short or flagged corrupt, and the breaks
            at which reading ended before the index did.
        first_pts: Time stamp of the first frame, in units of the stream's time base.
        promised: Frames that the header promises (0: it does not say).
        promised_s: Duration that the header promises (0: it does not say).
    """

    times_s: NDArray[np.float64]
    count: int
    damaged: int
    first_pts: int
    promised: int
    promised_s: float


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open ``path`` for reading; only this file, no network, no playlists.

    Raises:
        BadVideoError: not a file, empty, or not a container that can be read.
    """
    import av

    path = Path(path)
    try:
        size = path.stat().st_size if path.is_file() else -1
    except OSError as error:
        raise BadVideoError(
            f"“{path.name}” cannot be opened ({error.strerror}).", "Check its name and permissions."
        ) from error
    if size < 0:
        raise BadVideoError(f"“{path}” is not a file.", "Check the name and the folder.")
    if size == 0:
        raise BadVideoError(
            f"“{path.name}” is empty (0 bytes).", "Upload it again; the copy did not finish."
        )
    try:
        # "file:" keeps names such as "rtmp:x.mp4" or "a:b.mp4" from being read as a protocol.
        container = av.open(
            f"file:{path.absolute()}",
            container_options={"protocol_whitelist": "file", "format_whitelist": _formats()},
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadVideoError(*_cannot_open(path, error)) from error
    with container:
        names = container.format.name.split(",")
        if any(name in _NOT_VIDEO or name.endswith("_pipe") for name in names):
            raise BadVideoError(
                f"“{path.name}” is not a video but {container.format.long_name}.",
                "Upload the video file itself (mp4, mov, mkv, avi, ts).",
            )
        yield container


@functools.cache
def _formats() -> str:
    """Every format but playlists, as FFmpeg takes them."""
    import av

    return ",".join(sorted(av.formats_available - _PLAYLISTS))


def _cannot_open(path: Path, error: Exception) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"moov"):
        return (
            f"“{path.name}” is an incomplete mp4: its index (moov) is missing or unreadable.",
            "The recording or the upload was cut off; upload it again, or repair it with the camera"
            " or with a tool such as untrunc.",
        )
    if head.lstrip().startswith(_PLAYLIST_STARTS):
        return (
            f"“{path.name}” is not a video but a list of other files, which are not followed.",
            "Upload the video file itself (mp4, mov, mkv, avi, ts).",
        )
    reason = getattr(error, "strerror", None) or error
    return (
        f"“{path.name}” is not a video that can be read ({reason}).",
        "Upload a video file such as mp4, mov, mkv or avi.",
    )


def picture_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The stream that shows the game: no cover art; the default one, then the largest.

    Raises:
        BadVideoError: there is none.
    """
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [s for s in container.streams.video if not s.disposition & still]
    if not streams:
        kinds = sorted({str(s.type) for s in container.streams}) or ["nothing"]
        raise BadVideoError(
            f"“{path.name}” has no video stream, only {', '.join(kinds)}.",
            "Upload the recording with its picture.",
        )
    return max(
        streams,
        key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index),
    )


def quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that bring a decoded frame upright (0 to 3)."""
    return round(frame.rotation / 90) % 4


def packet_index(path: Path) -> PacketIndex:
    """Read all packets of the picture stream, without decoding; cached by content state.

    Costs about one read of the file. Raises what :func:`open_video` raises.
    """
    status = Path(path).absolute().stat()
    return _packet_index(str(Path(path).absolute()), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _packet_index(path: str, _mtime_ns: int, size: int) -> PacketIndex:
    from av.stream import Discard

    with open_video(Path(path)) as container:
        stream = picture_stream(container, Path(path))
        base = float(stream.time_base or 0)
        promised_s = max(
            float((stream.duration or 0) * base), float((container.duration or 0) / 1_000_000)
        )
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        times, count, damaged, usable, last = array("q"), 0, 0, True, -(2**63)
        for packet in whole_packets(container, stream, size):
            if packet is None:
                damaged += 1
                continue
            if packet.is_discard:
                continue
            count += 1
            if packet.pts is None or (packet.dts is not None and packet.dts < last):
                usable = False  # no times, or a clock that was reset within the file
            elif usable:
                times.append(packet.pts)
                last = last if packet.dts is None else packet.dts
        ordered = np.sort(np.array(times if usable else [], dtype=np.int64))
        if ordered.size > 1 and np.diff(ordered).max() * base > LONGEST_GAP_S:
            ordered = ordered[:0]
        first = int(ordered[0]) if ordered.size else 0
        times_s = (ordered - first).astype(np.float64) * base
        return PacketIndex(times_s, count, damaged, first, int(stream.frames or 0), promised_s)


def whole_packets(
    container: InputContainer, stream: av.VideoStream, size_bytes: int
) -> Iterator[av.Packet[Any] | None]:
    """The packets of ``stream`` in the order of the file; ``None`` for each damaged one.

    A damaged packet is corrupt, reaches beyond the end of the file, or is where
    reading broke off. Decoding it would cost whole frames around it.
    """
    import av

    demuxer = container.demux(stream)
    while True:
        try:
            packet = next(demuxer)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            log.warning("Reading the video ended early: %s", error)
            yield None
            return
        if not packet.size:
            continue  # PyAV's sign that the decoder should be drained
        end = (packet.pos or 0) + packet.size
        yield None if packet.is_corrupt or end > size_bytes else packet
