"""Noisy detections made from ground-truth boxes, for benchmarks and tests.

Belongs here: a seeded model of what a person detector does wrong: misses (more
of them where people overlap, and in runs), jitter that drifts, false boxes
that flash or stay, scores. Does not belong here: trajectories or footage.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NOISE_LEVELS", "Noise", "simulate_detections"]


_STICK_RUN_S = 0.4
_STICK_SIDE_S = 2.0


@dataclasses.dataclass(frozen=True)
class Noise:
    """How wrong the detector is. Shares are of boxes, lengths of box sizes."""

    miss: float  # probability of a miss for a person in the clear
    miss_hidden: float  # added at full cover by a nearer person
    miss_run_s: float  # mean length of a run of misses; 0: every frame by itself
    jitter: float  # standard deviation of each edge, as a share of width or height
    jitter_run_s: float  # correlation time of half of the jitter; 0: white
    flashes: float  # false boxes a frame, each for one frame
    ghosts: float  # false boxes a frame that stay for about a second
    score_spread: float  # standard deviation of scores around their mean
    jitter_px: float = 0.0  # standard deviation of each edge, added whatever the size
    stick: float = 0.0  # share of the time in which a box holds the stick, too


NOISE_LEVELS: dict[str, Noise] = {
    "white-light": Noise(0.05, 0.0, 0.0, 0.03, 0.0, 0.2, 0.0, 0.1),
    "white": Noise(0.10, 0.0, 0.0, 0.05, 0.0, 0.5, 0.0, 0.1),
    "white-heavy": Noise(0.20, 0.0, 0.0, 0.08, 0.0, 1.0, 0.0, 0.15),
    "pixels": Noise(0.10, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.1, jitter_px=2.0),
    "pixels-bursts": Noise(0.10, 0.0, 0.15, 0.0, 0.0, 0.5, 0.0, 0.1, jitter_px=2.0),
    "sticks": Noise(0.10, 0.0, 0.15, 0.0, 0.0, 0.5, 0.0, 0.1, jitter_px=2.0, stick=0.3),
    "light": Noise(0.04, 0.4, 0.10, 0.03, 0.15, 0.2, 0.1, 0.1),
    "middle": Noise(0.08, 0.6, 0.20, 0.05, 0.15, 0.4, 0.3, 0.12),
    "heavy": Noise(0.15, 0.8, 0.30, 0.07, 0.2, 0.8, 0.6, 0.15),
}


def simulate_detections(
    truth: pd.DataFrame,
    noise: Noise,
    *,
    fps: float,
    width_px: int,
    height_px: int,
    seed: int,
) -> pd.DataFrame:
    """Detections of the people in ``truth`` under ``noise``.

    Args:
        truth: ``frame, id, x, y, w, h`` (px) and optionally ``class``.
        noise: see :data:`NOISE_LEVELS`.
        fps: frames a second, for what is given in seconds.
        width_px: boxes are cut at the picture's edge.
        height_px: likewise.
        seed: the same seed gives the same rows.

    Returns:
        ``frame, id`` (-1), ``x, y, w, h, score, class`` (-1), unsorted within
        a frame, of the form that ``read_mot`` returns; and ``truth``, the id
        of the person behind each box, -1 for a false one.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    people = truth.drop_duplicates(["frame", "id"]).sort_values(["id", "frame"], kind="stable")
    frame = people["frame"].to_numpy(np.int64)
    box = people[["x", "y", "w", "h"]].to_numpy(np.float64)
    person = people["id"].to_numpy()
    covered = _covered(frame, box)
    missed = _missed(random, person, covered, noise, fps)
    seen = _jittered(random, person, box, noise, fps)[~missed]
    level = 0.85 - 0.35 * covered[~missed]
    scores = np.clip(level + noise.score_spread * random.standard_normal(len(seen)), 0.05, 1)
    false_frame, false_box = _false_boxes(random, frame, box, noise, fps)
    false_scores = np.clip(0.4 + 0.15 * random.standard_normal(len(false_frame)), 0.05, 0.95)
    table = pd.DataFrame(
        np.concatenate([seen, false_box]).reshape(-1, 4), columns=["x", "y", "w", "h"]
    )
    table.insert(0, "frame", np.concatenate([frame[~missed], false_frame]).astype(np.int64))
    table.insert(1, "id", -1)
    table["score"] = np.concatenate([scores, false_scores])
    table["class"] = -1
    table["truth"] = np.concatenate([person[~missed], np.full(len(false_frame), -1)])
    right = np.minimum(table["x"] + table["w"], width_px)
    bottom = np.minimum(table["y"] + table["h"], height_px)
    table["x"], table["y"] = table["x"].clip(0), table["y"].clip(0)
    table["w"], table["h"] = right - table["x"], bottom - table["y"]
    table = table[(table["w"] > 2) & (table["h"] > 2)]
    return (
        table.iloc[random.permutation(len(table))]
        .sort_values("frame", kind="stable")
        .reset_index(drop=True)
    )


def _covered(frame: NDArray[np.int64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each box that people nearer the camera (lower feet) cover, at most."""
    covered = np.zeros(len(frame))
    order = np.argsort(frame, kind="stable")
    edges = np.flatnonzero(np.diff(frame[order])) + 1
    for rows in np.split(order, edges):
        x, y, w, h = box[rows].T
        wide = np.minimum.outer(x + w, x + w) - np.maximum.outer(x, x)
        high = np.minimum.outer(y + h, y + h) - np.maximum.outer(y, y)
        shared = np.clip(wide, 0, None) * np.clip(high, 0, None) / np.maximum(w * h, 1)[:, None]
        nearer = (y + h)[None, :] > (y + h)[:, None]
        covered[rows] = (shared * nearer).max(axis=1, initial=0)
    return covered


def _runs(
    random: np.random.Generator, person: NDArray[Any], mean_frames: float
) -> NDArray[np.float64]:
    """Standard normal values, correlated along each person's rows."""
    white = random.standard_normal(len(person))
    if mean_frames <= 0:
        return white
    keep = float(np.exp(-1 / mean_frames))
    fresh = np.sqrt(1 - keep**2) * white
    value = 0.0
    for row in range(len(person)):
        first = row == 0 or person[row] != person[row - 1]
        value = white[row] if first else keep * value + fresh[row]
        fresh[row] = value
    return fresh


def _missed(
    random: np.random.Generator,
    person: NDArray[Any],
    covered: NDArray[np.float64],
    noise: Noise,
    fps: float,
) -> NDArray[np.bool_]:
    from scipy.special import ndtr

    chance = np.clip(noise.miss + noise.miss_hidden * covered**1.5, 0, 0.97)
    level = ndtr(_runs(random, person, noise.miss_run_s * fps))
    return np.asarray(level < chance)


def _jittered(
    random: np.random.Generator,
    person: NDArray[Any],
    box: NDArray[np.float64],
    noise: Noise,
    fps: float,
) -> NDArray[np.float64]:
    size = box[:, [2, 3, 2, 3]]
    edges = box.copy()
    edges[:, 2:] += edges[:, :2]
    for side in range(4):
        error = random.standard_normal(len(box))
        if noise.jitter_run_s > 0:
            slow = _runs(random, person, noise.jitter_run_s * fps)
            error = np.sqrt(0.5) * (error + slow)
        edges[:, side] += (noise.jitter * size[:, side] + noise.jitter_px) * error
    if noise.stick > 0:
        _hold_out(random, person, box, edges, noise, fps)
    edges[:, 2:] = np.maximum(edges[:, 2:] - edges[:, :2], 3)
    return edges


def _hold_out(
    random: np.random.Generator,
    person: NDArray[Any],
    box: NDArray[np.float64],
    edges: NDArray[np.float64],
    noise: Noise,
    fps: float,
) -> None:
    """Move one upright edge of a box out to the stick's end, for fractions of a second."""
    from scipy.special import ndtr

    held = ndtr(_runs(random, person, _STICK_RUN_S * fps)) < noise.stick
    left = _runs(random, person, _STICK_SIDE_S * fps) < 0
    reach = box[:, 3] * (0.4 + 0.1 * _runs(random, person, _STICK_SIDE_S * fps)).clip(0.2, 0.6)
    edges[:, 0] -= np.where(held & left, reach, 0)
    edges[:, 2] += np.where(held & ~left, reach, 0)


def _false_boxes(
    random: np.random.Generator,
    frame: NDArray[np.int64],
    box: NDArray[np.float64],
    noise: Noise,
    fps: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Boxes of people's sizes where nobody is."""
    if len(frame) == 0:
        return np.zeros(0, np.int64), np.zeros((0, 4))
    frames = np.unique(frame)
    low, high = box[:, :2].min(axis=0), (box[:, :2] + box[:, 2:]).max(axis=0)
    all_frames, all_boxes = [], []
    life = max(fps, 1.0)
    for count, mean_life in ((noise.flashes, 0.0), (noise.ghosts, life)):
        starts = random.poisson(count * len(frames) / max(mean_life, 1))
        for _ in range(starts):
            size = box[random.integers(len(box)), 2:]
            length = 1 + int(random.exponential(mean_life)) if mean_life else 1
            first = int(random.choice(frames))
            corner = low + random.random(2) * np.maximum(high - low - size, 1)
            drift = random.normal(0, 1.0, 2) if length > 1 else np.zeros(2)
            steps = np.arange(length)[:, None]
            moved = corner + drift * steps + random.normal(0, noise.jitter, (length, 2)) * size
            kept = first + steps[:, 0] <= frames[-1]
            all_frames.append((first + steps[:, 0])[kept])
            all_boxes.append(np.concatenate([moved, np.tile(size, (length, 1))], axis=1)[kept])
    if not all_frames:
        return np.zeros(0, np.int64), np.zeros((0, 4))
    return np.concatenate(all_frames), np.concatenate(all_boxes)
