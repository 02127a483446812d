"""What a video file holds: size, rate, length, reconciled with its packets.

Belongs here: facts about the file as a file. Does not belong here: judgement on
what it is good for (``preflight``).
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.hockey.video.container import (
    PacketIndex,
    open_video,
    packet_index,
    picture_stream,
    quarter_turns,
    whole_packets,
)

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    from av.container import InputContainer

__all__ = ["MIN_HEIGHT_PX", "MIN_WIDTH_PX", "VideoInfo", "probe"]

MIN_WIDTH_PX, MIN_HEIGHT_PX = 160, 90
"""Below this a player is under about 8 pixels tall: nothing can be analysed."""
_MAX_SIDE_PX = 16_384
_MAX_FPS = 1_000.0
_MAX_FAILURES = 500


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Facts about a video; sizes are upright and of square pixels.

    Args:
        fps: Average frame rate.
        frame_count: Frames that the packets hold, whatever the header says.
        duration_s: From the first frame to the end of the last one.
        codec: Name of the picture codec, such as ``h264``.
        rotation_deg: Clockwise turn that the file asks for (0, 90, 180, 270).
        variable_rate: The time between frames is not constant.
        interlaced: Frames hold two fields; they are read deinterlaced.
        frames_lost: Frames that the header promises and the file does not hold.
        notes: Sentences on what in the file contradicts itself; may be empty.
    """

    path: Path
    width_px: int
    height_px: int
    fps: float
    frame_count: int
    duration_s: float
    codec: str
    rotation_deg: int
    has_audio: bool
    variable_rate: bool
    size_bytes: int
    interlaced: bool = False
    frames_lost: int = 0
    notes: tuple[str, ...] = ()


def probe(path: Path) -> VideoInfo:
    """Read the facts about ``path``: the header, every packet, and one frame.

    Raises:
        BadVideoError: not a video that can be analysed; says why and what to do.
    """
    path = Path(path)
    with open_video(path) as container:
        stream = picture_stream(container, path)
        frame = _first_frame(container, stream, path)
        turns = quarter_turns(frame)
        width, height = _upright_size(frame, stream.sample_aspect_ratio)
        header_fps = float(stream.average_rate or stream.guessed_rate or 0)
        codec, has_audio = stream.codec_context.name, bool(container.streams.audio)
        interlaced = frame.interlaced_frame
    _check_size(path, width, height)
    index = packet_index(path)
    fps = _average_fps(index, header_fps)
    lost, notes = _contradictions(index, fps)
    return VideoInfo(
        path=path,
        width_px=width,
        height_px=height,
        fps=fps,
        frame_count=index.count,
        duration_s=_duration_s(index, fps),
        codec=codec,
        rotation_deg=(-90 * turns) % 360,
        has_audio=has_audio,
        variable_rate=_is_variable(index),
        size_bytes=path.stat().st_size,
        interlaced=interlaced,
        frames_lost=lost,
        notes=notes,
    )


def _upright_size(frame: av.VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height as shown: square pixels, then turned upright."""
    width, height = frame.width, frame.height
    if aspect and 1 / 3 <= aspect <= 3 and abs(float(aspect) - 1) > 0.02:
        width = max(1, round(width * float(aspect)))
    return (height, width) if quarter_turns(frame) % 2 else (width, height)


def _first_frame(container: InputContainer, stream: av.VideoStream, path: Path) -> av.VideoFrame:
    import av

    failures = 0
    packets = whole_packets(container, stream, path.stat().st_size)
    for packet in itertools.chain((p for p in packets if p is not None), [None]):
        try:
            for frame in stream.decode(packet):
                return frame
        except (av.error.FFmpegError, ValueError):
            failures += 1
            if failures > _MAX_FAILURES:
                break
    raise BadVideoError(
        f"“{path.name}” holds no picture that can be decoded ({stream.codec_context.name}).",
        "The file is damaged or was cut off; upload it again, or export it as H.264 mp4.",
    )


def _check_size(path: Path, width: int, height: int) -> None:
    if width < MIN_WIDTH_PX or height < MIN_HEIGHT_PX:
        raise BadVideoError(
            f"“{path.name}” is {width} x {height} pixels, too small to see players"
            f" (at least {MIN_WIDTH_PX} x {MIN_HEIGHT_PX}).",
            "Upload the original recording, not a preview.",
        )
    if max(width, height) > _MAX_SIDE_PX:
        raise BadVideoError(
            f"“{path.name}” is {width} x {height} pixels, more than can be decoded safely.",
            "Export it at 4K or below.",
        )


def _average_fps(index: PacketIndex, header_fps: float) -> float:
    times = index.times_s
    if times.size >= 2 and times[-1] > 0:
        measured = (times.size - 1) / float(times[-1])
        # The header is exact (30000/1001) where it agrees with the packets.
        if 0 < header_fps <= _MAX_FPS and abs(measured / header_fps - 1) < 0.002:
            return header_fps
        return min(measured, _MAX_FPS)
    return header_fps if 0 < header_fps <= _MAX_FPS else 25.0


def _duration_s(index: PacketIndex, fps: float) -> float:
    if index.times_s.size:
        return float(index.times_s[-1]) + 1 / fps
    return index.count / fps


def _is_variable(index: PacketIndex) -> bool:
    """Steps that are no whole number of the usual one, or many that skip frames.

    A few whole steps too long are dropped frames, not a variable rate.
    """
    steps = np.diff(index.times_s)
    if steps.size < 3 or (usual := float(np.median(steps))) <= 0:
        return False
    ratio = steps / usual
    jitter = max(0.2, 0.0015 / usual)  # containers round to milliseconds
    odd = np.abs(ratio - np.maximum(np.round(ratio), 1)) > jitter
    return bool(np.mean(odd) > 0.02 or np.mean(ratio > 1.5) > 0.1)


def _contradictions(index: PacketIndex, fps: float) -> tuple[int, tuple[str, ...]]:
    notes = []
    lost = max(index.promised - index.count, 0) if index.damaged else 0
    lost = max(lost, index.damaged)
    if lost:
        notes.append(
            f"The file was cut off or is damaged: {lost} of {index.count + lost} frames are lost."
        )
    actual_s = _duration_s(index, fps)
    if abs(index.promised_s - actual_s) > max(1.0, 0.05 * actual_s):
        notes.append(
            f"The header promises {index.promised_s:.0f} s; the file holds {actual_s:.1f} s."
        )
    return lost, tuple(notes)
