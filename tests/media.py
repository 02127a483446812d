"""Media files for tests: healthy ones and hostile ones, made with PyAV.

Belongs here: building files. Does not belong here: assertions.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Image = NDArray[np.uint8]


def arena(width: int = 2400, height: int = 1100, seed: int = 3) -> Image:
    """A wide still of something like a rink: crowd, boards, ice with lines and marks."""
    rng = np.random.default_rng(seed)
    image = np.empty((height, width, 3), np.uint8)
    boards = int(0.28 * height)
    crowd = rng.integers(20, 150, (boards // 9 + 1, width // 9 + 1, 3), dtype=np.uint8)
    image[:boards] = cv2.resize(crowd, (width, boards), interpolation=cv2.INTER_NEAREST)
    image[boards:] = (238, 234, 230)
    cv2.rectangle(image, (0, boards), (width, boards + height // 18), (250, 250, 250), -1)
    for x in range(0, width, width // 12):
        colour = tuple(int(v) for v in rng.integers(30, 200, 3))
        place = (x + 8, boards + height // 24)
        cv2.putText(image, f"AD {x}", place, cv2.FONT_HERSHEY_SIMPLEX, height / 900, colour, 3)
    for x in range(width // 8, width, width // 4):
        cv2.line(image, (x, boards + 60), (x - 90, height), (170, 60, 40), height // 70)
        spot = (x + width // 9, int(0.66 * height))
        cv2.ellipse(image, spot, (width // 14, height // 9), 0, 0, 360, (60, 60, 200), 5)
        cv2.circle(image, spot, height // 60, (60, 60, 200), -1)
    marks = rng.integers(0, [width, height - boards], (260, 2))
    for x, y in marks:
        end = (int(x) + int(rng.integers(-25, 25)), boards + int(y) + int(rng.integers(-9, 9)))
        cv2.line(image, (int(x), boards + int(y)), end, (205, 203, 200), 2, cv2.LINE_AA)
    return image


def window(image: Image, x: float, y: float, size: tuple[int, int], zoom: float = 1.0) -> Image:
    """What a camera sees: ``size`` pixels whose corner is at x, y; ``zoom`` magnifies."""
    matrix = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]])
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA), np.uint8)


def pan(
    count: int, size: tuple[int, int] = (640, 360), step: tuple[float, float] = (5.0, 0.0)
) -> list[Image]:
    """``count`` frames of a camera that pans over :func:`arena`."""
    still = arena()
    return [window(still, 60 + i * step[0], 120 + i * step[1], size) for i in range(count)]


def numbered(count: int, size: tuple[int, int] = (320, 180)) -> list[Image]:
    """Frames that carry their number as a bar code of 8 blocks, read by :func:`number_of`."""
    frames = []
    for index in range(count):
        image = np.full((size[1], size[0], 3), 96, np.uint8)
        for bit in range(8):
            value = 230 if index >> bit & 1 else 20
            left = size[0] * bit // 8
            image[: size[1] // 2, left : size[0] * (bit + 1) // 8] = value
        frames.append(image)
    return frames


def number_of(image: Image) -> int:
    """The number that :func:`numbered` drew."""
    height, width = image.shape[:2]
    row = image[height // 4].reshape(width, -1).mean(axis=1)
    return sum(int(row[int((bit + 0.5) * width / 8)] > 128) << bit for bit in range(8))


def write_video(
    path: Path,
    frames: Iterable[Image],
    *,
    fps: Fraction | int = 30,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation_deg: int = 0,
    audio: bool = False,
    aspect: Fraction | None = None,
    interlaced: bool = False,
) -> Path:
    """Encode ``frames`` (BGR) with their times, or at ``fps``."""
    container = av.open(f"file:{path}", "w", options=container_options or {})
    with container:
        stream: Any = None
        sound: Any = None
        count = 0
        for index, image in enumerate(frames):
            if stream is None:
                settings = {"preset": "ultrafast", "crf": "18"} if codec == "libx264" else {}
                stream = container.add_stream(codec, rate=fps)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.options = {**settings, **(options or {})}
                if times_s is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
                if rotation_deg:
                    stream.set_display_rotation(rotation_deg)
                if audio:
                    sound = container.add_stream("aac", rate=48_000)
                    sound.layout = "mono"
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pix_fmt)
            if times_s is not None:
                frame.pts, frame.time_base = round(times_s[index] * 1000), Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = index, 1 / Fraction(fps)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
        if sound is not None:
            seconds = times_s[-1] if times_s is not None else count / float(fps)
            container.mux(_tone(sound, seconds))
    return path


def _tone(sound: Any, seconds: float) -> Iterator[Any]:
    packets = []
    for block in range(round(seconds * 48_000 / 1024)):
        ramp = np.sin(np.arange(block * 1024, (block + 1) * 1024) * 0.05).astype(np.float32) * 0.2
        frame = av.AudioFrame.from_ndarray(ramp[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, block * 1024, Fraction(1, 48_000)
        packets += sound.encode(frame)
    return iter(packets + sound.encode(None))


def sound_only(path: Path, seconds: float = 1.0) -> Path:
    """An mp4 with sound and no picture."""
    with av.open(f"file:{path}", "w") as container:
        sound: Any = container.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        container.mux(_tone(sound, seconds))
    return path


def two_pictures(path: Path, big: list[Image], small: list[Image]) -> Path:
    """An mkv with two video streams, the small one first."""
    with av.open(f"file:{path}", "w") as container:
        streams = []
        for frames in (small, big):
            stream: Any = container.add_stream("libx264", rate=30)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast"}
            streams.append((stream, frames))
        for index in range(len(big)):
            for stream, frames in streams:
                frame = av.VideoFrame.from_ndarray(frames[index], format="bgr24")
                frame.pts, frame.time_base = index, Fraction(1, 30)
                container.mux(stream.encode(frame))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    return path


def with_cover(path: Path, frames: list[Image], cover: Image) -> Path:
    """An mp4 whose first video stream is a cover picture, larger than the footage."""
    from av.stream import Disposition

    with av.open(f"file:{path}", "w") as container:
        art: Any = container.add_stream("mjpeg", rate=1)
        art.height, art.width = cover.shape[:2]
        art.pix_fmt = "yuvj420p"
        art.disposition = Disposition.attached_pic
        stream: Any = container.add_stream("libx264", rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast"}
        picture = av.VideoFrame.from_ndarray(cover, format="bgr24").reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, 1)
        container.mux(art.encode(picture))
        container.mux(art.encode(None))
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_off(source: Path, target: Path, share: float) -> Path:
    """The first ``share`` of the bytes of ``source``."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def damage(source: Path, target: Path, start: float, stop: float, seed: int = 5) -> Path:
    """``source`` with noise over the given part of its bytes."""
    data = bytearray(source.read_bytes())
    low, high = int(len(data) * start), int(len(data) * stop)
    data[low:high] = np.random.default_rng(seed).bytes(high - low)
    target.write_bytes(bytes(data))
    return target


def claim_duration(source: Path, target: Path, seconds: int) -> Path:
    """``source`` (mp4 or mkv) whose headers claim ``seconds``."""
    data = bytearray(source.read_bytes())
    if source.suffix == ".mkv":
        start = data.index(b"\x44\x89\x88") + 3  # Duration, a float of 8 bytes, in ms
        struct.pack_into(">d", data, start, seconds * 1000.0)
    else:
        movie_scale = _patch(data, b"mvhd", 12, 16, seconds, None)
        _patch(data, b"tkhd", None, 20, seconds, movie_scale)
        _patch(data, b"mdhd", 12, 16, seconds, None)
    target.write_bytes(bytes(data))
    return target


def _patch(
    data: bytearray, box: bytes, scale_at: int | None, length_at: int, seconds: int, scale: Any
) -> int:
    """Set the duration of a version-0 header box; returns its time scale."""
    start = data.index(box) + 4
    assert data[start] == 0
    if scale_at is not None:
        scale = struct.unpack_from(">I", data, start + scale_at)[0]
    value = min(int(scale * seconds), 0xFFFFFFFE)
    struct.pack_into(">I", data, start + length_at, value)
    return int(scale)
