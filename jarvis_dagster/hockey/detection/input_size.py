"""How large a picture is shown to the network.

Belongs here: the size of the network's input, and from how far to look at a close-up. Does not
belong here: looking (``onnx``), merging looks (``looks``).

The network learned from wide pictures. Shown a player half as high as the picture it answers with
halves and limbs, and the same player from farther away with one box and the right role.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jarvis_dagster.hockey.detection.base import Detections
    from jarvis_dagster.hockey.detection.icemask import IceMask

__all__ = ["Distance", "network_size", "rows_above"]

_CELL = 32  # the network's coarsest stride: its input is a multiple
_SURE = 0.35
_TALL = 0.75
"""Quantile of the heights: halves of people are boxes too, and pull the middle down."""
_LARGE_PX, _USUAL_PX = 110, 70
"""Heights in the network's input: from which on a picture is a close-up, and as in wide ones."""
_STEP_PX, _LEAST_PX = 64, 256
"""Few widths, because the network is prepared anew for each."""
_MEMORY = 0.7
_HEADROOM = 0.2
"""Of the picture's height, above the ice: who stands at the far boards is hardly ever taller."""
_MOST_ABOVE = 0.125
"""Of the picture's height: more would mean more sizes for which the network is prepared."""
_OTHER_SHOT = 2.0
"""Factor between the heights of successive pictures from which on it is another shot."""


def network_size(width_px: int, height_px: int, network_width_px: int) -> tuple[int, int]:
    """(width, height) of the network's input for a picture: its shape, in multiples of 32.

    A tall picture gets the same number of cells as a wide one, not the same width.
    """
    aspect = min(max(width_px / height_px, 0.3), 4.0)
    if aspect < 4 / 3:
        network_width_px = round(network_width_px * (aspect / (4 / 3)) ** 0.5)
    width = max(_CELL, round(network_width_px / _CELL) * _CELL)
    height = max(_CELL, -(-round(width / aspect) // _CELL) * _CELL)
    return width, height


def rows_above(ice: IceMask, width_px: int, height_px: int, network_width_px: int) -> int:
    """How many rows at the top of a picture show nobody on the ice, and need not be shown.

    So many that the others fill the network's input without a border: less to
    compute wherever a camera shows much above the ice. It is told by the ice alone, which parts of
    a video agree about.
    """
    rows = np.flatnonzero((ice.mask > 0.5).any(axis=1))
    if not ice.found or not rows.size:
        return 0
    size = network_size(width_px, height_px, network_width_px)
    scale = min(size[0] / width_px, size[1] / height_px)
    shown = height_px * scale
    free = min(max(rows[0] / len(ice.mask) - _HEADROOM, 0), _MOST_ABOVE) * shown
    kept = math.ceil((shown - free) / _CELL) * _CELL
    return max(0, math.ceil((shown - kept) / scale - 1e-6))


class Distance:
    """From how far the pictures of a video, or one picture, should be looked at.

    Attributes:
        tall_px: How tall people are now, in the network's input; None before anybody was seen.
        measured: What was measured in each picture (NaN: nobody), and
        widths: the width that it was then looked at with (0: the usual one).
    """

    def __init__(self, tall_px: float | None = None) -> None:
        self.tall_px = tall_px
        self.measured = array("d")
        self.widths = array("l")

    def far_width(
        self, found: Detections, width_px: int, height_px: int, network_width_px: int
    ) -> int | None:
        """The network's width at which the people of a close-up are as large as in wide pictures.

        Successive pictures are judged together, so that people of all sizes, some near and some
        far, are not looked at from here and from there in turn.

        Args:
            found: What a look at ``network_width_px`` found, in pixels of the picture.
            width_px: Of the picture.
            height_px: Of the picture.

        Returns:
            Less than ``network_width_px``; None where the picture is no close-up, or nobody is
            in it.
        """
        sure = found.xyxy[found.score >= _SURE]
        tall = float("nan")
        if len(sure):
            shown = network_size(width_px, height_px, network_width_px)
            scale = min(shown[0] / width_px, shown[1] / height_px)
            tall = scale * float(np.quantile(sure[:, 3] - sure[:, 1], _TALL))
        return self.step(tall, network_width_px)

    def step(self, tall: float, network_width_px: int) -> int | None:
        """As :meth:`far_width`, from what was measured in the next picture."""
        far = self._far(tall, network_width_px)
        self.measured.append(tall)
        self.widths.append(far or 0)
        return far

    def _far(self, tall: float, network_width_px: int) -> int | None:
        if math.isnan(tall):
            return None
        if self.tall_px is None or not 1 / _OTHER_SHOT < tall / self.tall_px < _OTHER_SHOT:
            self.tall_px = tall
        self.tall_px = self.tall_px**_MEMORY * tall ** (1 - _MEMORY)
        if self.tall_px < _LARGE_PX:
            return None
        far = _STEP_PX * round(network_width_px * _USUAL_PX / self.tall_px / _STEP_PX)
        far = max(_LEAST_PX, far)
        return far if far < network_width_px else None
