"""Taking the sound of one video over into another, without re-encoding.

Belongs here: copying audio packets. Does not belong here: changing sound.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.video.container import open_video, picture_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AudioCopy"]

log = logging.getLogger(__name__)

_FITS_MP4 = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")


class AudioCopy:
    """The first sound track of ``source``, muxed along as the picture is written.

    Args:
        source: The video whose sound is copied.
        container: The mp4 container that is being written, before its first packet.
        start_s: Time within ``source`` that becomes 0.
    """

    def __init__(self, source: Path, container: Any, start_s: float = 0.0) -> None:
        self._target = container
        self._file = open_video(Path(source))
        self._input: Any = self._file.__enter__()
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        sounds = [s for s in self._input.streams.audio if _fits_mp4(s.codec_context)]
        if not sounds:
            if self._input.streams.audio:
                log.info("The sound of %s does not fit into mp4; it is left out.", source)
            return
        picture = picture_stream(self._input, Path(source))
        zero = float((picture.start_time or 0) * (picture.time_base or 0)) + start_s
        self._sound = sounds[0]
        self._stream = container.add_stream_from_template(self._sound)
        self._base = float(self._sound.time_base or 1)
        self._shift = round(zero / self._base)
        if start_s > 0:
            self._input.seek(int(zero * 1_000_000))
        self._packets = iter(self._input.demux(self._sound))

    def until(self, seconds: float) -> None:
        """Mux the sound up to ``seconds`` of the target."""
        import av

        while True:
            if self._next is None:
                try:
                    self._next = next(self._packets, None)
                except av.error.FFmpegError as error:
                    log.warning("The sound ends early: %s", error)
                    self._packets = iter(())
                    return
            packet = self._next
            if packet is None:
                return
            if packet.pts is not None and packet.size:
                at = packet.pts - self._shift
                if at * self._base > seconds:
                    return
                if at >= 0:
                    packet.pts, packet.dts = at, at
                    packet.stream = self._stream
                    try:
                        self._target.mux(packet)
                    except av.error.InvalidDataError as error:
                        log.warning("The sound cannot be copied further: %s", error)
                        self._packets, self._next = iter(()), None
                        return
            self._next = None

    def close(self) -> None:
        """Close the source."""
        self._file.__exit__(None, None, None)


def _fits_mp4(context: Any) -> bool:
    """A codec that mp4 holds, with the parameters that a damaged file may lack."""
    known = context.sample_rate and context.layout.nb_channels
    return bool(known and context.name in _FITS_MP4)
