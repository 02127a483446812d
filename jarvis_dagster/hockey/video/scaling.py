"""Decoder frames as arrays: scaled, converted, turned upright.

Belongs here: from PyAV's frames to numpy. Does not belong here: decoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.video.container import quarter_turns

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

__all__ = ["Scaler", "plane_array"]

_LIMITED, _FULL = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG


class Scaler:
    """Decoder frame to upright arrays of a fixed size.

    The size is fixed, so that a change of size within a file changes nothing.

    Args:
        size: Upright (width, height).
        pixel_format: ``bgr24``, ``gray`` or (for :meth:`planes`, :meth:`picture`) ``yuv420p``.
    """

    def __init__(self, size: tuple[int, int], pixel_format: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._size, self._format = size, pixel_format
        self._scale: Any = VideoReformatter()  # keeps its filters from frame to frame

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The picture as one array: (H, W, 3), or (H, W) for ``gray``."""
        turns = quarter_turns(frame)
        image: Any = self._scaled(frame, turns).to_ndarray()
        return _turned(image, turns)

    def planes(
        self, frame: av.VideoFrame
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Luma (H, W) and the two chroma planes (H / 2, W / 2); needs an even size."""
        turns = quarter_turns(frame)
        small = self._scaled(frame, turns)
        y, u, v = (_turned(plane_array(plane), turns) for plane in small.planes)
        return y, u, v

    def picture(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The picture as a frame of its own, which may be drawn on and encoded."""
        import av

        turns = quarter_turns(frame)
        scaled = self._scaled(frame, turns)
        if scaled is not frame and not turns:
            return scaled
        # The decoder still refers to its own frame, and turning needs another one.
        own = av.VideoFrame(*self._size, "yuv420p")
        for target, source in zip(own.planes, scaled.planes, strict=True):
            plane_array(target)[:] = _turned(plane_array(source), turns)
        return own

    def _scaled(self, frame: av.VideoFrame, turns: int) -> av.VideoFrame:
        width, height = self._size[::-1] if turns % 2 else self._size
        ranges = {}
        if self._format == "yuv420p" and _is_full_range(frame):
            # Phones record luma from 0 to 255; untagged yuv420p means 16 to 235.
            ranges = {"src_color_range": _FULL, "dst_color_range": _LIMITED}
        scaled: av.VideoFrame = self._scale.reformat(
            frame,
            width=width,
            height=height,
            format=self._format,
            interpolation="AREA" if width < frame.width else "BILINEAR",
            threads=1,
            **ranges,
        )
        return scaled


def _is_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == _FULL or frame.format.name.startswith("yuvj")


def plane_array(plane: Any) -> NDArray[np.uint8]:
    """One plane of an 8-bit planar frame as (H, W), without copying."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]


def _turned(image: NDArray[np.uint8], turns: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rot90(image, turns) if turns else image)
