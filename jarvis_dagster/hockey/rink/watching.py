"""Marks seen while a video is watched for other reasons too, and their file.

Belongs here: collecting them, keeping them. Does not belong here: cameras (``video``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.evidence import Evidence, MarkFinder, input_size
from jarvis_dagster.hockey.rink.following import key_frame_step
from jarvis_dagster.hockey.video.scaling import Scaler

if TYPE_CHECKING:
    from pathlib import Path

    import av
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["MarkWatcher", "Marks"]


@dataclasses.dataclass(frozen=True)
class Marks:
    """What the network ``version`` saw, by number of the frame."""

    version: str
    evidence: dict[int, Evidence]

    def save(self, path: Path) -> None:
        """Write a file that :meth:`load` reads."""
        every = list(self.evidence.values())
        packed = [one.packed.content for one in every]
        one = every[0] if every else None
        with path.open("wb") as file:
            np.savez(
                file,
                version=np.array(self.version),
                frames=np.array(list(self.evidence), np.int64),
                size_px=np.array(one.size_px if one else (1, 1)),
                cell_px=np.array(one.cell_px if one else 1.0),
                shape=np.array(one.packed.shape if one else (1, 1, 1)),
                packed=np.frombuffer(b"".join(packed), np.uint8),
                packed_bytes=np.array([len(part) for part in packed], np.int64),
                points=np.concatenate([one.points_px for one in every] or [np.empty((0, 2))]),
                kinds=np.concatenate([one.kinds for one in every] or [np.empty(0, np.int8)]),
                weights=np.concatenate([one.weights for one in every] or [np.empty(0)]),
                points_each=np.array([len(one.kinds) for one in every], np.int64),
            )

    @classmethod
    def load(cls, path: Path) -> Marks:
        """What :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as held:
            kept = {name: held[name] for name in held.files}
        content = kept["packed"].tobytes()
        ends, rows = np.cumsum(kept["packed_bytes"]), np.cumsum(kept["points_each"])
        width, height = (int(side) for side in kept["size_px"])
        shape = tuple(int(side) for side in kept["shape"])
        found = {}
        for i, frame in enumerate(kept["frames"].tolist()):
            part = slice(rows[i] - kept["points_each"][i], rows[i])
            found[frame] = Evidence.of(
                content[ends[i] - kept["packed_bytes"][i] : ends[i]],
                shape,
                size_px=(width, height),
                cell_px=float(kept["cell_px"]),
                points_px=kept["points"][part],
                kinds=kept["kinds"][part],
                weights=kept["weights"][part],
            )
        return cls(str(kept["version"]), found)


class MarkWatcher:
    """A watcher (:class:`~jarvis_dagster.hockey.video.watching.Watcher`) of the marks.

    It sees the frames that a calibration needs, but for the ends of shots.
    """

    def __init__(self, info: VideoInfo, finder: MarkFinder) -> None:
        self._finder, self._every = finder.beside_decoding(), key_frame_step(info.fps)
        self._size = info.width_px, info.height_px
        self._scaler = Scaler(input_size(self._size), "bgr24")
        self._evidence: dict[int, Evidence] = {}

    def prepare(
        self,
        number: int,
        pts_s: float,  # noqa: ARG002 - as every watcher
        frame: av.VideoFrame,
    ) -> tuple[int, NDArray[np.uint8]] | None:
        """A small picture of a key frame."""
        return None if number % self._every else (number, self._scaler(frame))

    def think(self, seen: tuple[int, NDArray[np.uint8]]) -> tuple[int, NDArray[np.uint8]]:
        """Nothing: the thread of the one who finds people is busier."""
        return seen

    def take(self, thought: tuple[int, NDArray[np.uint8]]) -> None:
        """What the network sees."""
        number, image = thought
        self._evidence[number] = self._finder(image, self._size)

    def marks(self) -> Marks:
        """All of them."""
        return Marks(self._finder.version, self._evidence)
