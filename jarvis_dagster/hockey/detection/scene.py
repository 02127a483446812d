"""What the place says about the people found in it.

Belongs here: ice and goals applied to an answer of the network, in this order. Does not belong
here: finding ice (``icemask``), what goals tell (``keepers``).
"""

from __future__ import annotations

import abc
import copy
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.detection.icemask import find_ice, ice_trust
from jarvis_dagster.hockey.detection.keepers import name_goalkeepers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections
    from jarvis_dagster.hockey.detection.icemask import IceMask
    from jarvis_dagster.hockey.detection.role_reader import RoleReader

__all__ = ["OnIce", "put_in_place"]


class OnIce(abc.ABC):
    """A detector that knows the ice: its subclasses say what is in a picture."""

    name: str
    version: str
    score_threshold: float
    width_px: int
    on_ice_only: bool
    finds_pucks: bool = False
    reader: RoleReader | None = None
    """Reads roles once more."""
    at_once: int = 1

    @abc.abstractmethod
    def look(self, image: NDArray[np.uint8]) -> Detections:
        """What is in one BGR picture, wherever it stands; safe in several threads."""

    def settle(self, image: NDArray[np.uint8], first: Detections) -> Detections:
        """``first``, by :meth:`look`, after the pictures before; in their order."""
        if self.reader is None or not len(first):
            return first
        return self.reader.read(image, first)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """People on the ice in BGR pictures, one answer each, best score first."""
        answers = []
        for image in images:
            found = self.settle(image, self.look(image))
            if self.on_ice_only and len(found):
                height, width = image.shape[:2]
                found = put_in_place(found, find_ice(image), width, height, self.score_threshold)
            answers.append(found)
        return answers

    def for_video(self) -> Self:
        """The same network for the successive frames of one video, and without the ice mask.

        The caller steadies the mask over time.
        """
        other = copy.copy(self)
        other.on_ice_only = False
        return other

    def for_stills(self) -> Self:
        """The same network for pictures that have nothing to do with each other."""
        return copy.copy(self)


def put_in_place(
    found: Detections, ice: IceMask, width_px: int, height_px: int, least: float
) -> Detections:
    """``found`` with people off the ice doubted and goalkeepers told by their goals.

    Args:
        found: Boxes in pixels of a picture of the given size.
        ice: The ice of that picture.
        least: Who is worth less than this score afterwards is left out.
    """
    worth = ice_trust(ice, found.xyxy, width_px, height_px)
    return name_goalkeepers(found.weighted(worth, least), ice, width_px, height_px)
