"""Track people through a video from their boxes: detections in, TRACKS out.

Belongs here: the order of the steps, camera shot by camera shot. Does not
belong here: the steps (boxes, camera, first_pass, trimming, linking, ...).

Time and memory grow with the number of detections only: every step but the return
of goalkeepers looks at a few seconds at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.tracking.boxes import Boxes, clean, from_table
from jarvis_dagster.hockey.tracking.camera import (
    measured_noise,
    motion_from_boxes,
    motion_from_scan,
    refine_motion,
)
from jarvis_dagster.hockey.tracking.ends import Motion
from jarvis_dagster.hockey.tracking.first_pass import FirstPass, tracklets
from jarvis_dagster.hockey.tracking.kits import in_own_units
from jarvis_dagster.hockey.tracking.linking import Linking, link
from jarvis_dagster.hockey.tracking.returns import join_returns, lone_labels
from jarvis_dagster.hockey.tracking.selection import one_at_a_time, people
from jarvis_dagster.hockey.tracking.shots import shots
from jarvis_dagster.hockey.tracking.smoothing import Smoothing, fill
from jarvis_dagster.hockey.tracking.trimming import trim
from jarvis_dagster.hockey.tracking.twins import hand_over, without_twins

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["track"]

_PUCK = "puck"
_PROVEN = 4  # detections of a tracklet that may be joined to others
_LEAST_NOISE = 0.01


def track(
    detections: pd.DataFrame,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    scan: pd.DataFrame | None = None,
    kit: NDArray[np.float32] | None = None,
    frame_count: int | None = None,
    lone: Collection[str] | None = ("goalkeeper",),
) -> pd.DataFrame:
    """Follow every person through the video; a whole video is given at once.

    Args:
        detections: DETECTIONS; frames with any stride, rows in any order.
        width_px: of the picture.
        height_px: of the picture.
        fps: frames a second, above 0.
        scan: SCAN; its cuts end all tracks, its camera motion is used.
        kit: (N, D) colour features, row-aligned with ``detections``.
        frame_count: of the video; tracks end before this frame.
        lone: classes of which each end of the rink has one person; ``None``:
            the rare ones that hardly ever share a frame.

    Returns:
        TRACKS plus ``detection_row`` (int64, -1 where filled): the position of
        a row in ``detections``. Sorted by frame and track; every frame from
        where a person comes into view to where he leaves it has a row.
        ``class`` is each track's commonest one; role and team are ``"unknown"``
        and ``""``. Who is there at a shot's first or last look is there in the
        frames before or after it, too. A person who comes back into the picture has a new track,
        but for those of a ``lone`` class. The puck is one track a shot.

    Raises:
        BadInputError: a rate or size that is not above 0, or ``kit`` has another
            number of rows than ``detections``.
    """
    if not (fps > 0 and width_px > 0 and height_px > 0):
        raise BadInputError(f"No video has {width_px}x{height_px} pixels at {fps} frames a second.")
    if kit is not None and len(kit) != len(detections):
        raise BadInputError(f"{len(kit)} rows of kit colours for {len(detections)} detections.")
    labels = sorted(str(name) for name in detections["class"].dropna().unique())
    puck = labels.index(_PUCK) if _PUCK in labels else -2
    boxes = clean(from_table(detections, labels), width_px, height_px, puck=puck)
    if frame_count is not None:
        boxes = boxes.take(boxes.frame < frame_count)
    colours = None if kit is None else np.asarray(kit, dtype=np.float64)
    alone = None if lone is None else [labels.index(name) for name in lone if name in labels]
    parts = []
    next_id = 1
    for shot in shots(boxes, scan, frame_count):
        seen, span = shot.boxes, (shot.first, shot.last)
        ticks = np.unique(seen.frame)
        shift, noise, found = _first_passes(
            seen, seen.label != puck, ticks, fps, scan, (width_px, height_px), colours
        )
        for rows in (
            _people(ticks, shift, noise, found, fps, (width_px, height_px), colours, alone, span),
            _puck(seen.take(seen.label == puck), ticks, shift, fps),
        ):
            if rows is not None:
                rows["track_id"] = rows.pop("chain") + next_id
                next_id = int(rows["track_id"].max()) + 1
                parts.append(rows)
    if not parts:
        return _empty()
    return _assemble(parts, detections, [*labels, "player"], (width_px, height_px), fps)


def _first_passes(
    shot: Boxes,
    person: NDArray[np.bool_],
    ticks: NDArray[np.int64],
    fps: float,
    scan: pd.DataFrame | None,
    size: tuple[int, int],
    kit: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], float, tuple[Boxes, list[NDArray[np.intp]]]]:
    """Camera shift at each tick, jitter, and tracklets of people made with both."""
    boxes = shot.take(person)
    if scan is None:
        shift = motion_from_boxes(boxes, ticks)
    else:
        shift = motion_from_scan(scan, ticks, *size)
    rough = tracklets(boxes, ticks, shift, fps, FirstPass())
    noise = measured_noise(boxes, rough)
    if scan is None:
        shift = refine_motion(boxes, ticks, rough, fps)
    exact = FirstPass(noise=max(noise, _LEAST_NOISE))
    worn = None if kit is None else in_own_units(kit[boxes.row], rough)
    return shift, noise, (boxes, tracklets(boxes, ticks, shift, fps, exact, worn))


def _people(
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    noise: float,
    found: tuple[Boxes, list[NDArray[np.intp]]],
    fps: float,
    size: tuple[int, int],
    kit: NDArray[np.float64] | None,
    lone: list[int] | None,
    span: tuple[int, int],
) -> dict[str, NDArray] | None:
    boxes, pieces = found
    camera = shift[np.searchsorted(ticks, boxes.frame)]
    step = float(np.median(np.diff(ticks))) if len(ticks) > 1 else 1.0
    least = max(2, round(_PROVEN / step)) if len(ticks) > 2 else 1
    chains = link(
        boxes,
        boxes.box[:, :2] - camera,
        [piece for piece in trim(boxes, ticks, pieces) if len(piece) >= least],
        fps=fps,
        motion=Motion(noise=max(noise, _LEAST_NOISE)),
        inside=_inside(boxes, size),
        kit=kit,
        options=Linking(),
    )
    chains = people(boxes, ticks, trim(boxes, ticks, chains), fps)
    chains = hand_over(boxes, without_twins(boxes, chains), kit)
    lone = lone_labels(boxes, chains) if lone is None else lone
    chains = join_returns(boxes, chains, lone=lone, width_px=size[0], kit=kit)
    if not chains:
        return None
    return fill(boxes, camera, chains, fps=fps, noise=noise, span=span, step=step)


def _inside(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes are more than their own width away from the picture's edges."""
    reach = boxes.box[:, 2:] / 2 + boxes.box[:, 2:3]
    near = (boxes.box[:, :2] < reach) | (boxes.box[:, :2] > np.array(size) - reach)
    return np.asarray(~near.any(axis=1))


def _puck(
    boxes: Boxes, ticks: NDArray[np.int64], shift: NDArray[np.float64], fps: float
) -> dict[str, NDArray] | None:
    """The puck: small, fast, one; never guessed for more than a third of a second."""
    if len(boxes) == 0:
        return None
    options = FirstPass(noise=0.3, push=40.0, start_speed=40.0, patience_s=0.2)
    chains = [c for c in tracklets(boxes, ticks, shift, fps, options) if len(c) >= 3]
    chains = one_at_a_time(boxes, chains)
    camera = shift[np.searchsorted(ticks, boxes.frame)]
    smoothing = Smoothing(place_s=0.01, longest_fill_s=0.35)
    return fill(boxes, camera, chains, fps=fps, noise=0.05, options=smoothing) if chains else None


def _assemble(
    parts: list[dict[str, NDArray]],
    detections: pd.DataFrame,
    names: list[str],
    size: tuple[int, int],
    fps: float,
) -> pd.DataFrame:
    import pandas as pd

    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((whole["track_id"], whole["frame"]))
    whole = {name: values[order] for name, values in whole.items()}
    corner = whole["box"][:, :2] - whole["box"][:, 2:] / 2
    edges = np.concatenate([corner, corner + whole["box"][:, 2:]], axis=1)
    edges = np.clip(edges, 0, [*size, *size])
    frames, first = np.unique(detections["frame"].to_numpy(np.int64), return_index=True)
    table = pd.DataFrame(
        {
            "frame": whole["frame"],
            "pts_s": _times(
                whole["frame"], frames, detections["pts_s"].to_numpy(np.float64)[first], fps
            ),
            **{
                name: edges[:, index]
                for index, name in enumerate(("x1_px", "y1_px", "x2_px", "y2_px"))
            },
            "score": whole["score"],
            # Label -1, a class that is missing, takes the last name.
            "class": np.array(names, dtype=object)[whole["label"]],
            "track_id": whole["track_id"],
            "observed": whole["row"] >= 0,
            "role": "unknown",
            "role_score": 0.0,
            "team": "",
            "team_score": 0.0,
        }
    ).astype(tables.TRACKS)
    table["detection_row"] = whole["row"].astype(np.int64)
    inside = (table["x2_px"] - table["x1_px"] > 0) & (table["y2_px"] - table["y1_px"] > 0)
    return table[inside].reset_index(drop=True)


def _times(
    frame: NDArray[np.int64], known: NDArray[np.int64], pts_s: NDArray[np.float64], fps: float
) -> NDArray[np.float64]:
    """Seconds of each frame, from those of the known ones; beyond them time runs evenly."""
    away = frame - np.clip(frame, known[0], known[-1])
    return np.asarray(np.interp(frame, known, pts_s) + away / fps)


def _empty() -> pd.DataFrame:
    table = tables.empty(tables.TRACKS)
    table["detection_row"] = np.zeros(0, dtype=np.int64)
    return table
