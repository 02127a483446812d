"""Cameras and what a perfect network would see through them, for tests."""

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.rink import RINKS
from jarvis_dagster.hockey.rink.camera import ice_to_image, pose_looking_at
from jarvis_dagster.hockey.rink.evidence import points_of
from jarvis_dagster.hockey.rink.residuals import inverse, on_the_ice
from jarvis_dagster.hockey.rink.training.targets import targets

SIZE = (512, 288)
STAND = (102.0, -62.0, 38.0)


def looking_at(x, y, field_ft=90.0, *, stand=STAND, roll=0.0):
    return pose_looking_at(stand, (x, y), field_ft, roll)


def seen_by(pose, rink="NHL", *, size=SIZE, noise=0.0, seed=0):
    """Evidence as a perfect network would give it, or one with some noise."""
    heat = targets(RINKS[rink], ice_to_image(pose, size), size, np.zeros(size[::-1], np.uint8))
    if noise:
        rng = np.random.default_rng(seed)
        heat = np.clip(heat + rng.normal(0, noise, heat.shape), 0, 1).astype(np.float32)
    return points_of(heat, size, 4.0)


def miss_ft(found, true, rink="NHL", size=SIZE):
    """Distances in feet between where two cameras put a grid of the ice that is in view."""
    xs, ys = np.meshgrid(np.linspace(20, size[0] - 20, 7), np.linspace(60, size[1] - 10, 5))
    grid = np.stack([xs.ravel(), ys.ravel()], axis=1)
    there, _, good = on_the_ice(inverse(true, size), grid)
    inside = good & (RINKS[rink].signed_distance_ft(there) < 0)
    here = on_the_ice(inverse(found, size), grid)[0]
    return np.linalg.norm(here - there, axis=1)[inside]


def scan_of(poses, cuts=(), fps=10.0, size=SIZE):
    """SCAN of a video whose camera is ``poses``, one a frame; motion as the pictures show it."""
    rows = []
    for frame, pose in enumerate(poses):
        row = {"frame": frame, "pts_s": frame / fps, "is_cut": frame in cuts}
        row |= {"dx_px": 0.0, "dy_px": 0.0, "scale": 1.0, "angle_rad": 0.0, "motion_ok": False}
        if frame and frame not in cuts:
            row |= _motion(poses[frame - 1], pose, size)
        rows.append(row)
    return pd.DataFrame(rows)


def _motion(before, after, size):
    points = np.array([(0.3, 0.5), (0.7, 0.5), (0.5, 0.8), (0.5, 0.4)]) * size
    moved = np.c_[points, np.ones(4)] @ (ice_to_image(after, size) @ inverse(before, size)).T
    moved = moved[:, :2] / moved[:, 2:]
    here, there = points @ (1, 1j), moved @ (1, 1j)
    turn = np.vdot(here - here.mean(), there - there.mean()) / np.vdot(
        here - here.mean(), here - here.mean()
    )
    shift = there.mean() - turn * here.mean()
    return {
        "dx_px": shift.real,
        "dy_px": shift.imag,
        "scale": abs(turn),
        "angle_rad": float(np.angle(turn)),
        "motion_ok": True,
    }
