"""Events from how people move in the picture: no rink, no puck.

Belongs here: stoppages and restarts, rushes, crowding, peaks of action. Does
not belong here: speeds themselves (:mod:`.motion`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import FrameMotion, Motion, runs, smooth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["action_peaks", "crowdings", "rushes", "stoppages"]

_STILL = 0.55
"""Median body heights per second below which play has stopped (about 3 ft/s)."""
_MOVING = 1.1
_STOPPAGE_S = 2.0
_FAST = 2.7
"""Body heights per second of a player at full stride (about 14 ft/s)."""
_RUSH_S = 0.8
_RUSH_PEOPLE = 3
_CROWD_PEOPLE = 5
_CROWD_S = 1.2
_CROWD_REACH = 1.6
"""Body heights around a person; lines of sight are flat, so depth counts double."""
_PEAK_S = 6.0
_PEAK_EVERY_S = 30.0


def stoppages(frames: FrameMotion, fps: float) -> list[Entry]:
    """``stoppage`` while nearly all stand or glide, ``play_resumes`` when they go again."""
    speed = smooth(frames.speed, round(1.0 * fps))
    people = smooth(frames.people.astype(np.float64), round(1.0 * fps))
    still = (speed < _STILL) & (people >= 4)
    shortest, gap = round(_STOPPAGE_S * fps), round(0.5 * fps)
    entries = []
    for start, stop in runs(still, shortest=shortest, gap=gap, group=frames.shot):
        usual = float(np.nanmean(speed[start:stop]))
        measures = {
            "found_from": "stillness",
            "seconds": (stop - start) / fps,
            "median_speed_heights_per_s": usual,
            "people": float(people[start:stop].mean()),
        }
        sure = margin(usual, _STILL, 0.1)
        entries.append(Entry("stoppage", start, stop, (), sure, measures))
        after = slice(stop, min(stop + round(2.0 * fps), len(speed)))
        same_shot = frames.shot[after] == frames.shot[stop - 1]
        later = speed[after][same_shot]
        if np.isfinite(later).sum() < fps or np.nanmax(later) < _MOVING:
            continue
        lively = float(np.nanmax(later))
        resumes = {"found_from": "stillness", "speed_before": usual, "speed_after": lively}
        sure = min(sure, margin(lively, _MOVING, 2.5))
        end = min(stop + max(1, round(fps)), len(speed))
        entries.append(Entry("play_resumes", stop, end, (), sure, resumes))
    return entries


def rushes(tracks: pd.DataFrame, motion: Motion, frames: FrameMotion, fps: float) -> list[Entry]:
    """``rush`` while three or more players skate fast the same way along the picture."""
    frame = tracks["frame"].to_numpy(np.int64)
    player = tracks["role"].to_numpy(str) == "player"
    along = motion.velocity[:, 0]
    steep = np.abs(motion.velocity[:, 1]) < 0.8 * np.abs(along)
    fast = player & steep & (np.abs(along) > _FAST)
    size = len(frames.speed)
    entries = []
    for way, name in ((1, "right"), (-1, "left")):
        mine = fast & (np.sign(along) == way)
        other = fast & (np.sign(along) == -way)
        count = np.bincount(frame[mine], minlength=size)[:size]
        against = np.bincount(frame[other], minlength=size)[:size]
        rushing = (smooth(count.astype(float), round(0.4 * fps)) >= _RUSH_PEOPLE - 0.3) & (
            count > 2 * against
        )
        for start, stop in runs(
            rushing, shortest=round(_RUSH_S * fps), gap=round(0.3 * fps), group=frames.shot
        ):
            inside = mine & (frame >= start) & (frame < stop)
            ids, often = np.unique(tracks["track_id"].to_numpy()[inside], return_counts=True)
            ids = ids[often >= 0.3 * (stop - start)]
            if len(ids) < _RUSH_PEOPLE:
                continue
            speed = float(np.median(np.abs(along[inside])))
            number = float(count[start:stop].mean())
            sure = (margin(speed, _FAST, 4.5) + margin(number, _RUSH_PEOPLE - 0.5, 6)) / 2
            measures = {
                "median_speed_heights_per_s": speed,
                "people": number,
                "direction": name,
                "seconds": (stop - start) / fps,
            }
            entries.append(Entry("rush", start, stop, tuple(int(i) for i in ids), sure, measures))
    return entries


def crowdings(tracks: pd.DataFrame, motion: Motion, frames: FrameMotion, fps: float) -> list[Entry]:
    """``crowding`` while five or more people stand within reach of one of them."""
    role = tracks["role"].to_numpy(str)
    people = np.flatnonzero(np.isin(role, ("player", "goalkeeper")))
    frame = tracks["frame"].to_numpy(np.int64)[people]
    x = ((tracks["x1_px"] + tracks["x2_px"]) / 2).to_numpy(np.float64)[people]
    y = tracks["y2_px"].to_numpy(np.float64)[people]
    height = motion.height_px[people]
    size = len(frames.speed)
    most = np.zeros(size)
    members: dict[int, NDArray[np.int64]] = {}
    order = np.argsort(frame, kind="stable")
    _, first = np.unique(frame[order], return_index=True)
    for rows in np.split(order, first[1:]) if len(order) else []:
        if len(rows) < _CROWD_PEOPLE:
            continue
        unit = float(np.median(height[rows]))
        apart = np.hypot(x[rows][:, None] - x[rows][None], 2 * (y[rows][:, None] - y[rows][None]))
        near = apart < _CROWD_REACH * unit
        centre = int(near.sum(1).argmax())
        at = int(frame[rows[0]])
        most[at] = near[centre].sum()
        members[at] = people[rows[near[centre]]]
    entries = []
    crowded = smooth(most, round(0.5 * fps)) >= _CROWD_PEOPLE - 0.4
    for start, stop in runs(
        crowded, shortest=round(_CROWD_S * fps), gap=round(0.4 * fps), group=frames.shot
    ):
        rows = np.concatenate([members[f] for f in range(start, stop) if f in members])
        ids, often = np.unique(tracks["track_id"].to_numpy()[rows], return_counts=True)
        ids = ids[often >= 0.4 * (stop - start)]
        number = float(most[start:stop].mean())
        keeper = bool(np.isin(tracks["track_id"].to_numpy(), ids)[role == "goalkeeper"].any())
        seconds = (stop - start) / fps
        sure = (margin(number, _CROWD_PEOPLE - 1, 8) + margin(seconds, _CROWD_S / 2, 4)) / 2
        measures = {"people": number, "seconds": seconds, "goalkeeper_inside": keeper}
        entries.append(Entry("crowding", start, stop, tuple(int(i) for i in ids), sure, measures))
    return entries


def action_peaks(frames: FrameMotion, fps: float) -> list[Entry]:
    """``action_peak``: the liveliest seconds of each half minute and camera shot.

    Liveliness is the sum of the speeds of all players in view. Peaks are relative
    to this video; they are what highlights fall back on.
    """
    width = max(1, round(min(_PEAK_S * fps, len(frames.energy))))
    energy = np.where(np.isfinite(frames.energy), frames.energy, 0.0)
    if not energy.any():
        return []
    lively = np.percentile(energy[energy > 0], 50)
    entries = []
    step = max(width, round(_PEAK_EVERY_S * fps))
    for begin in range(0, len(energy), step):
        part = energy[begin : begin + step]
        window = min(width, len(part))
        total = np.convolve(part, np.ones(window), "valid")
        start = begin + int(total.argmax())
        stop = start + window
        # A highlight does not cut across camera shots: keep the livelier side.
        sides = runs(np.ones(window, bool), shortest=1, group=frames.shot[start:stop])
        low, high = max(sides, key=lambda s: float(energy[start + s[0] : start + s[1]].sum()))
        start, stop = start + low, start + high
        if not energy[start:stop].any():
            continue
        mean = float(np.nanmean(frames.energy[start:stop]))
        measures = {
            "activity_heights_per_s": mean,
            "usual_activity_heights_per_s": float(lively),
            "people": float(frames.people[start:stop].mean()),
        }
        sure = margin(mean, 0.8 * float(lively), 2.5 * float(lively))
        entries.append(Entry("action_peak", start, stop, (), max(sure, 0.05), measures))
    return entries
