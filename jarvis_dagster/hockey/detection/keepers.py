"""Who keeps the goal, told by where people stand.

Belongs here: what goals in the picture say about roles. Does not belong here: finding goals,
roles over time (``hockey/roles``).

From high in a community rink a child in goalkeeper's pads looks like any other child. The
net does not: whoever stands at it, frame after frame, keeps it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.icemask import IceMask, ice_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections

__all__ = ["goal_distances", "name_goalkeepers"]

# Chosen on a rink that the network had not seen (it found 3 in 10 of its goals well), and on
# broadcasts that it had not seen, where it must not do harm.
_EVIDENCE = 5.0
"""Added to the log-odds of a goalkeeper at a goal."""
_OTHERS = 0.25
"""What the evidence is worth for those who are not the likeliest at a goal."""
_SMALL, _LARGE = 0.12, 0.2
"""Of the picture's height: full evidence up to the first, none from the second on, where the
network sees for itself who wears pads."""
_AT_GOAL, _NEAR_GOAL = 0.8, 1.2
"""In own heights: full evidence up to the first, none from the second on."""
_MIN_SCORE = 0.08
"""Low: most of what is taken for a goal stands off the ice, and that is known."""
_ON_ICE = 0.4
"""Share of ice around a goal's foot from which on its score counts in full."""


def name_goalkeepers(found: Detections, mask: IceMask, width_px: int, height_px: int) -> Detections:
    """``found`` with the goalkeeper's share raised of who stands at a goal on the ice."""
    if not len(found) or not len(found.goals) or not mask.found:
        return found
    foot = ice_share(mask, found.goals, width_px, height_px)
    goals = found.goals[found.goal_score * np.minimum(1, foot / _ON_ICE) >= _MIN_SCORE]
    if not len(goals):
        return found
    distance = goal_distances(found.xyxy, goals)
    near = ((_NEAR_GOAL - distance) / (_NEAR_GOAL - _AT_GOAL)).clip(0, 1)
    size = (found.xyxy[:, 3] - found.xyxy[:, 1]) / height_px
    evidence = _EVIDENCE * near * ((_LARGE - size) / (_LARGE - _SMALL)).clip(0, 1)[:, None]
    share = np.maximum(found.role_share, 1e-9)
    odds = np.log(share[:, 1] / (1 - share[:, 1]).clip(1e-9))
    # A goal has one goalkeeper: of those beside it, who looks most like one. The others may
    # still be the other half of a double box, or he.
    best = odds[:, None] + evidence
    evidence *= np.where(best == best.max(0), 1, _OTHERS)
    share[:, 1] *= np.exp(evidence.max(1))
    share /= share.sum(1, keepdims=True)
    return dataclasses.replace(found, role_share=share, class_index=share.argmax(1))


def goal_distances(xyxy: NDArray[np.float32], goals: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, G): how far each person (N, 4) is from each goal (G, 4).

    Between the centres of the boxes, in the person's own heights, so that it means the same
    near the camera and far from it.
    """
    apart = (xyxy[:, None, :2] + xyxy[:, None, 2:] - goals[None, :, :2] - goals[None, :, 2:]) / 2
    height = np.maximum(xyxy[:, 3] - xyxy[:, 1], 1e-6)
    distance: NDArray[np.float32] = np.hypot(apart[..., 0], apart[..., 1]) / height[:, None]
    return distance
