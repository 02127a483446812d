"""What was found in thousands of frames, kept in little memory.

Belongs here: from answers, one a frame, to the two tables. Does not belong here: finding. A video
of an hour has a million boxes; as small arrays of their own they would take ten times the space.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tables import CLASSES, DETECTIONS, empty

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections

__all__ = ["Collected"]

_CORNERS = ("x1_px", "y1_px", "x2_px", "y2_px")
_ROW = np.dtype(
    [
        ("xyxy", "<f4", 4),
        ("score", "<f4"),
        ("goalkeeper", "<f4"),
        ("referee", "<f4"),
        ("kind", "i1"),
    ]
)


class Collected:
    """Boxes and kit features of frame after frame."""

    def __init__(self) -> None:
        self._frames, self._times, self._counts = array("i"), array("d"), array("i")
        self._boxes, self._kits = bytearray(), bytearray()

    def add(self, number: int, pts_s: float, found: Detections, kit: NDArray[np.float32]) -> None:
        """Keep what was found in a frame; ``kit`` (N, KIT_COLUMNS) is row-aligned with it."""
        rows = np.empty(len(found), _ROW)
        rows["xyxy"], rows["score"] = found.xyxy, found.score
        rows["goalkeeper"], rows["referee"] = found.role_share[:, 1], found.role_share[:, 2]
        rows["kind"] = found.class_index
        self._frames.append(number)
        self._times.append(pts_s)
        self._counts.append(len(found))
        self._boxes += rows.tobytes()
        self._kits += np.ascontiguousarray(kit, np.float32).tobytes()

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """As ``detect_video`` returns them."""
        import pandas as pd

        from jarvis_dagster.hockey.roles import KIT_COLUMNS

        if not self._boxes:
            nobody = empty(DETECTIONS).assign(p_goalkeeper=0.0, p_referee=0.0)
            return nobody, pd.DataFrame(columns=list(KIT_COLUMNS), dtype="float32")
        rows = np.frombuffer(self._boxes, _ROW)
        counts = np.array(self._counts)
        table = pd.DataFrame(
            {
                "frame": np.repeat(np.array(self._frames, np.int32), counts),
                "pts_s": np.repeat(np.array(self._times), counts),
                **dict(zip(_CORNERS, rows["xyxy"].T, strict=True)),
                "score": rows["score"],
                "class": np.array(CLASSES, object)[rows["kind"]],
                "p_goalkeeper": rows["goalkeeper"],
                "p_referee": rows["referee"],
            }
        )
        kits = np.frombuffer(self._kits, np.float32).reshape(len(rows), -1)
        return table, pd.DataFrame(kits.copy(), columns=list(KIT_COLUMNS))
