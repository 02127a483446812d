"""From boxes to people: followed, kept to one kit, each with a role and a team.

Belongs here: the order of the steps, the same for assets, workflows and benchmarks. Does not
belong here: following (``tracking``), kits, roles and teams (``roles``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["people_of"]


def people_of(
    boxes: pd.DataFrame,
    kit: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    width_px: int,
    height_px: int,
    fps: float,
) -> pd.DataFrame:
    """TRACKS of a whole video, with ``detection_row``.

    Args:
        boxes: DETECTIONS.
        kit: ``roles.KIT_COLUMNS``, row-aligned with ``boxes``.
        scan: SCAN; a row for each frame.
        fps: Frames a second, above 0.
    """
    from jarvis_dagster.hockey.roles import (
        assign_roles,
        keep_to_one_kit,
        torso_colours,
        without_bystanders,
    )
    from jarvis_dagster.hockey.tracking import track

    found = track(
        boxes,
        width_px=width_px,
        height_px=height_px,
        fps=fps,
        scan=scan,
        kit=torso_colours(kit, boxes),
        frame_count=len(scan),
    )
    return without_bystanders(assign_roles(keep_to_one_kit(found, kit), kit, boxes), kit)
