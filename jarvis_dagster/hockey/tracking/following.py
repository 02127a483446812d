"""People and the puck through one camera shot.

Belongs here: the order of the steps within a shot. Does not belong here: the steps
(first_pass, trimming, linking, ...), the table (tracker).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.tracking.camera import (
    CameraPath,
    measured_noise,
    motion_from_boxes,
    motion_from_scan,
    refine_motion,
)
from jarvis_dagster.hockey.tracking.ends import Motion
from jarvis_dagster.hockey.tracking.first_pass import FirstPass, for_noise, tracklets
from jarvis_dagster.hockey.tracking.furniture import (
    without_furniture,
    without_giants,
    without_parts,
)
from jarvis_dagster.hockey.tracking.hidden import join_hidden
from jarvis_dagster.hockey.tracking.kits import in_own_units
from jarvis_dagster.hockey.tracking.linking import Linking, link
from jarvis_dagster.hockey.tracking.returns import join_returns, lone_labels
from jarvis_dagster.hockey.tracking.selection import one_at_a_time, people
from jarvis_dagster.hockey.tracking.smoothing import Smoothing, fill
from jarvis_dagster.hockey.tracking.sticks import stick_share
from jarvis_dagster.hockey.tracking.trimming import trim
from jarvis_dagster.hockey.tracking.twins import hand_over, without_twins

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes
    from jarvis_dagster.hockey.tracking.shots import Shot

__all__ = ["View", "follow"]

_PROVEN = 4  # detections of a tracklet that may be joined to others
_LEAST_NOISE = 0.01


@dataclasses.dataclass(frozen=True)
class View:
    """What all shots of a video share; labels are numbers as in ``Boxes.label``."""

    width_px: int
    height_px: int
    fps: float
    scan: pd.DataFrame | None
    kit: NDArray[np.float64] | None  # row-aligned with the table of detections
    lone: list[int] | None  # labels of which each end of the rink has one person
    puck: int


def follow(shot: Shot, view: View) -> list[dict[str, NDArray[Any]]]:
    """Rows as :func:`fill` gives them: of all people of the shot, and of the puck; none empty."""
    ticks = np.unique(shot.boxes.frame)
    person = shot.boxes.label != view.puck
    path, jitter, boxes, pieces = _first_passes(shot, shot.boxes.take(person), ticks, view)
    found = (
        _people(shot, path, jitter, boxes, pieces, ticks, view),
        _puck(shot.boxes.take(~person), path, ticks, view),
    )
    return [rows for rows in found if rows is not None]


def _first_passes(
    shot: Shot, boxes: Boxes, ticks: NDArray[np.int64], view: View
) -> tuple[CameraPath, tuple[float, float], Boxes, list[NDArray[np.intp]]]:
    """The camera, the jitter, the boxes of people, and tracklets made with all three."""
    if view.scan is None:
        path = CameraPath(ticks, motion_from_boxes(boxes, ticks))
    else:
        frames = np.arange(shot.first, shot.last + 1)
        path = CameraPath(
            frames, motion_from_scan(view.scan, frames, view.width_px, view.height_px)
        )
    rough = tracklets(boxes, ticks, path.at(ticks), view.fps, FirstPass())
    noise = measured_noise(boxes, rough)
    if view.scan is None:
        path = CameraPath(ticks, refine_motion(boxes, ticks, rough, view.fps))
    stick = stick_share(boxes, rough)
    exact = for_noise(max(noise, _LEAST_NOISE), stick)
    worn = None if view.kit is None else in_own_units(view.kit[boxes.row], rough)
    pieces = tracklets(boxes, ticks, path.at(ticks), view.fps, exact, worn)
    return path, (noise, stick), boxes, pieces


def _people(
    shot: Shot,
    path: CameraPath,
    jitter: tuple[float, float],
    boxes: Boxes,
    pieces: list[NDArray[np.intp]],
    ticks: NDArray[np.int64],
    view: View,
) -> dict[str, NDArray[Any]] | None:
    noise, stick = jitter
    step = float(np.median(np.diff(ticks))) if len(ticks) > 1 else 1.0
    least = max(2, round(_PROVEN / step)) if len(ticks) > 2 else 1
    chains = link(
        boxes,
        boxes.box[:, :2] - path.at(boxes.frame),
        [piece for piece in trim(boxes, ticks, pieces) if len(piece) >= least],
        fps=view.fps,
        motion=Motion(noise=max(noise, _LEAST_NOISE), stick=stick),
        inside=_inside(boxes, (view.width_px, view.height_px)),
        kit=view.kit,
        options=Linking(),
    )
    chains = people(boxes, ticks, trim(boxes, ticks, chains), view.fps)
    if view.scan is not None:
        chains = without_furniture(boxes, chains, view.scan)
    chains = without_giants(boxes, chains, view.fps)
    chains = without_parts(boxes, chains, view.fps, (view.width_px, view.height_px))
    chains = without_twins(boxes, hand_over(boxes, chains, view.kit))
    chains, revealed = join_hidden(boxes, chains, fps=view.fps, kit=view.kit)
    lone = lone_labels(boxes, chains) if view.lone is None else view.lone
    chains = join_returns(boxes, chains, lone=lone, width_px=view.width_px, kit=view.kit)
    if not chains:
        return None
    span = (shot.first, shot.last)
    return fill(
        boxes,
        path,
        chains,
        fps=view.fps,
        noise=noise,
        stick=stick,
        span=span,
        step=step,
        revealed=revealed,
    )


def _inside(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes are more than their own width away from the picture's edges."""
    reach = boxes.box[:, 2:] / 2 + boxes.box[:, 2:3]
    near = (boxes.box[:, :2] < reach) | (boxes.box[:, :2] > np.array(size) - reach)
    return np.asarray(~near.any(axis=1))


def _puck(
    boxes: Boxes, path: CameraPath, ticks: NDArray[np.int64], view: View
) -> dict[str, NDArray[Any]] | None:
    """The puck: small, fast, one; never guessed for more than a third of a second."""
    if len(boxes) == 0:
        return None
    options = FirstPass(noise=0.3, push=40.0, start_speed=40.0, patience_s=0.2)
    found = tracklets(boxes, ticks, path.at(ticks), view.fps, options)
    chains = one_at_a_time(boxes, [chain for chain in found if len(chain) >= 3])
    smoothing = Smoothing(place_s=0.01, longest_fill_s=0.35)
    if not chains:
        return None
    return fill(boxes, path, chains, fps=view.fps, noise=0.05, options=smoothing)
