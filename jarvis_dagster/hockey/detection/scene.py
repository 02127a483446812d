"""What the place says about the people found in it.

Belongs here: ice and goals applied to an answer of the network, in this order. Does not belong
here: finding ice (``icemask``), what goals tell (``keepers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.hockey.detection.icemask import ice_trust
from jarvis_dagster.hockey.detection.keepers import name_goalkeepers

if TYPE_CHECKING:
    from jarvis_dagster.hockey.detection.base import Detections
    from jarvis_dagster.hockey.detection.icemask import IceMask

__all__ = ["put_in_place"]


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
