"""A look at the scoreboard with what was read in it.

Belongs here: drawing for people who check. Does not belong here: reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.scoreboard.layout import Layout

__all__ = ["clock_text", "draw_look"]

_WIDTH_PX = 640
_LINE_PX = 30
_COLOUR = (0, 200, 255)


def clock_text(clock_s: float) -> str:
    """``12:34``; ``--:--`` where it was not read."""
    if not np.isfinite(clock_s):
        return "--:--"
    return f"{int(clock_s) // 60}:{int(clock_s) % 60:02d}"


def draw_look(part: NDArray[np.uint8], layout: Layout, row: Any) -> NDArray[np.uint8]:
    """``part``, cut out around ``layout``'s box, with the fields and a line of text below it.

    Args:
        part: The layout's box, its height larger on each side.
        row: A row of SCOREBOARD.
    """
    import cv2

    x1, y1, _, y2 = layout.box
    left, top = max(0, x1 - (y2 - y1)), max(0, y1 - (y2 - y1))
    scale = _WIDTH_PX / part.shape[1]
    size = (_WIDTH_PX, max(1, round(part.shape[0] * scale)))
    image = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
    for field in (layout.clock, layout.period, layout.left, layout.right):
        if field is not None:
            low = round((field.x1 - left) * scale), round((field.y1 - top) * scale)
            high = round((field.x2 - left) * scale), round((field.y2 - top) * scale)
            cv2.rectangle(image, low, high, _COLOUR, 1)
    line = np.full((_LINE_PX, _WIDTH_PX, 3), 32, np.uint8)
    goals = " - ".join("?" if v < 0 else str(int(v)) for v in (row.score_left, row.score_right))
    period = int(row.period) or "?"
    text = f"{row.pts_s:8.1f} s   clock {clock_text(row.clock_s)}   period {period}   {goals}"
    cv2.putText(line, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return np.concatenate([np.asarray(image, np.uint8), line])
