"""Writing H.264 mp4 files: whole or not at all.

Belongs here: the encoder and the container it writes. Does not belong here:
what is drawn on the frames.
"""

from __future__ import annotations

import errno
import logging
import uuid
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError, JarvisError, NotSupportedError, TransientError
from jarvis_dagster.hockey.video.audio import AudioCopy

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["QUICK", "VideoWriter", "even_size", "limited_size"]

log = logging.getLogger(__name__)

# PyAV's wheels bundle libx264 (GPL, as a shared library of theirs). A build
# without it still writes a file that players open.
_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"preset": "superfast", "crf": "24"}),
    ("libopenh264", {}),
    ("mpeg4", {"qscale": "4"}),
)
QUICK = {
    "preset": "ultrafast",
    "crf": "-1",  # so that "qp" counts
    "qp": "27",
    "x264-params": "bframes=3:b-adapt=0",
}
"""Encoder options for pictures to look at. Beside the fastest preset alone B-frames cost nothing
and save many bits; CABAC takes more time than its bits are worth, and a rate factor more than a
constant quality. One of 27 looks like one of 25 side by side in fewer bits; 29 smears sticks."""
_TIME_BASE = Fraction(1, 90_000)


def even_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The size that yuv420p can hold: odd sides grow by one pixel."""
    return width_px + width_px % 2, height_px + height_px % 2


def limited_size(
    width_px: int, height_px: int, most_px: int | None, least_px: int = 0
) -> tuple[int, int]:
    """Even sides in the same proportions, the shorter one within the limits.

    No picture is made more than twice as large.
    """
    short = min(width_px, height_px)
    scale = min(max(1.0, least_px / short), 2.0)
    if most_px is not None:
        scale = min(scale, most_px / short)
    if scale == 1:
        return even_size(width_px, height_px)
    return 2 * round(width_px * scale / 2), 2 * round(height_px * scale / 2)


class VideoWriter:
    """Context manager that writes BGR frames as H.264, yuv420p, fast-start mp4.

    Frames go to a hidden file beside ``path``, which takes its name at the end;
    after an exception there is no file. Odd sizes grow by one repeated pixel.

    Args:
        path: The mp4 to write; its folder must exist. An old file is replaced.
        width_px: Width of the images given to :meth:`write`.
        height_px: Height of the images.
        fps: Frame rate for frames written without a time.
        options: Encoder options that replace the defaults (``preset``, ``crf``).
        audio: A video whose sound is copied along, where mp4 can hold it.
        audio_start_s: Time in ``audio`` that becomes the start.

    Raises:
        TransientError: the disk is full or cannot be written.
        BadInputError: an image of another size or type.
    """

    def __init__(
        self,
        path: Path,
        *,
        width_px: int,
        height_px: int,
        fps: float,
        options: dict[str, str] | None = None,
        audio: Path | None = None,
        audio_start_s: float = 0.0,
    ) -> None:
        self.path = Path(path)
        self.width_px, self.height_px, self.fps = width_px, height_px, fps
        self.frame_count = 0
        self._partial = self.path.with_name(f".{uuid.uuid4().hex[:12]}.part.mp4")
        self._options = options or {}
        self._container: Any = None
        self._stream: Any = None
        self._last_pts = -1
        self._audio_source, self._audio_start_s = audio, audio_start_s
        self._audio: AudioCopy | None = None

    def __enter__(self) -> VideoWriter:
        import av

        if not self.path.absolute().parent.is_dir():
            raise BadInputError(
                f"“{self.path}” cannot be written: there is no such folder.", "Create the folder."
            )
        try:
            self._open(self._audio_source)
        except (av.error.FFmpegError, OSError) as error:
            self._drop()
            if self._audio_source is None:
                raise self._failed(error) from error
            log.warning("The sound of %s is left out (%s).", self._audio_source.name, error)
            try:
                self._open(None)
            except (av.error.FFmpegError, OSError) as second:
                self._drop()
                raise self._failed(second) from second
        return self

    def _open(self, audio: Path | None) -> None:
        import av

        # Times are kept to a 90000th of a second; the default clock is coarser.
        self._container = av.open(
            f"file:{self._partial.absolute()}",
            "w",
            format="mp4",
            options={"movflags": "+faststart", "video_track_timescale": "90000"},
        )
        self._stream = self._add_stream()
        if audio is not None:
            self._audio = AudioCopy(audio, self._container, self._audio_start_s)
        self._container.start_encoding()  # writes the header; sound that mp4 refuses shows here

    def write(self, image: NDArray[np.uint8], pts_s: float | None = None) -> None:
        """Append one BGR image, at ``pts_s`` or at the next step of ``fps``."""
        import av
        import cv2

        if image.shape != (self.height_px, self.width_px, 3) or image.dtype != np.uint8:
            raise BadInputError(
                f"{self.path.name}: an image of shape {image.shape} ({image.dtype}) was written to"
                f" a video of {self.width_px} x {self.height_px}.",
                "Write BGR uint8 images of one size.",
            )
        if self.width_px % 2 or self.height_px % 2:
            grow = ((0, self.height_px % 2), (0, self.width_px % 2), (0, 0))
            image = np.pad(image, grow, mode="edge")
        # OpenCV rounds; swscale cuts off, which tints grey.
        planes: Any = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        self.write_frame(av.VideoFrame.from_ndarray(planes, format="yuv420p"), pts_s)

    def write_frame(self, frame: Any, pts_s: float | None = None) -> None:
        """Append one decoder frame of the (even) size in yuv420p."""
        import av

        seconds = self.frame_count / self.fps if pts_s is None else pts_s
        pts = max(round(seconds / _TIME_BASE), self._last_pts + 1)
        frame.pts, frame.time_base = pts, _TIME_BASE
        frame.pict_type = 0  # a decoded frame brings its own; the encoder must choose
        self._last_pts = pts
        self.frame_count += 1
        try:
            self._container.mux(self._stream.encode(frame))
            if self._audio is not None:
                self._audio.until(pts * float(_TIME_BASE))
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import av

        if kind is not None:
            self._drop()
            return
        try:
            self._container.mux(self._stream.encode(None))
            if self._audio is not None:
                self._audio.until(self._last_pts * float(_TIME_BASE) + 1 / self.fps)
            self._container.close()
            self._container = None
            self._close_audio()
            self._verify()
            self._partial.replace(self.path)
        except (av.error.FFmpegError, OSError) as failure:
            self._drop()
            raise self._failed(failure) from failure
        except BaseException:
            self._drop()
            raise

    def _add_stream(self) -> Any:
        import av

        for name, defaults in _ENCODERS:
            try:
                av.codec.Codec(name, "w")
            except av.codec.codec.UnknownCodecError:
                log.warning("This PyAV has no %s; trying the next encoder.", name)
                continue
            rate = Fraction(self.fps).limit_denominator(100_000)
            stream = self._container.add_stream(name, rate=rate)
            stream.width, stream.height = even_size(self.width_px, self.height_px)
            stream.pix_fmt = "yuv420p"
            stream.options = {**defaults, **(self._options if name == "libx264" else {})}
            stream.codec_context.time_base = _TIME_BASE
            stream.codec_context.thread_type = "AUTO"
            return stream
        raise NotSupportedError(
            "This machine's PyAV has no H.264 or MPEG-4 encoder.", "Install PyAV's own wheels."
        )

    def _verify(self) -> None:
        """The file must hold what was written: a full disk can show itself only here."""
        import av

        if self.frame_count == 0:
            raise BadInputError(f"{self.path.name}: no frame was written.", "Check its source.")
        with av.open(f"file:{self._partial.absolute()}") as container:
            held = container.streams.video[0].frames
        if held != self.frame_count:
            raise OSError(errno.EIO, f"{held} of {self.frame_count} frames were stored")

    def _drop(self) -> None:
        import av

        self._close_audio()
        try:
            if self._container is not None:
                self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            log.debug("Closing the unfinished %s: %s", self.path.name, error)
        self._container = None
        self._partial.unlink(missing_ok=True)

    def _close_audio(self) -> None:
        if self._audio is not None:
            self._audio.close()
            self._audio = None

    def _failed(self, error: Exception) -> JarvisError:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            what = f"The disk is full: “{self.path}” could not be written."
            return TransientError(what, "Free space on that disk and run it again.")
        return TransientError(
            f"“{self.path}” could not be written ({error}).", "Check the folder and the disk."
        )
