"""Cameras as seven numbers, many at a time.

Belongs here: a pinhole camera that looks at the ice, and its homography. Does not belong
here: finding the camera of a picture (``search``, ``refine``), or what is seen.

A pose is (..., 7): position x, y, z in feet on the rink (z up), pan, tilt and roll in
radians, and the logarithm of the focal length in picture widths. Pan 0 looks along +y, pan
90 degrees along +x; tilt is positive downwards. The principal point is the picture's middle,
pixels are square, and there is no distortion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

__all__ = ["POSE_SIZE", "ice_to_image", "pose_looking_at", "projection"]

POSE_SIZE = 7


def _rotation(pose: Array) -> Array:
    """(..., 3, 3): rows right, down, forward."""
    pan, tilt, roll = pose[..., 3], pose[..., 4], pose[..., 5]
    sp, cp, st, ct = np.sin(pan), np.cos(pan), np.sin(tilt), np.cos(tilt)
    zero = np.zeros_like(sp)
    forward = np.stack([sp * ct, cp * ct, -st], axis=-1)
    right = np.stack([cp, -sp, zero], axis=-1)
    down = np.stack([-sp * st, -cp * st, -ct], axis=-1)
    sr, cr = np.sin(roll)[..., None], np.cos(roll)[..., None]
    return np.stack([cr * right + sr * down, cr * down - sr * right, forward], axis=-2)


def projection(pose: ArrayLike, size_px: tuple[int, int]) -> Array:
    """(..., 3, 4): homogeneous rink feet to pixels; the third row is the depth in feet."""
    poses = np.asarray(pose, dtype=np.float64)
    rotation = _rotation(poses)
    shift = -np.einsum("...ij,...j->...i", rotation, poses[..., :3])
    outer = np.concatenate([rotation, shift[..., None]], axis=-1)
    width, height = size_px
    focal = np.exp(poses[..., 6])[..., None] * width
    first = outer[..., 0, :] * focal + outer[..., 2, :] * (width / 2)
    second = outer[..., 1, :] * focal + outer[..., 2, :] * (height / 2)
    return np.stack([first, second, outer[..., 2, :]], axis=-2)


def ice_to_image(pose: ArrayLike, size_px: tuple[int, int]) -> Array:
    """(..., 3, 3) homographies, rink feet on the ice to pixels.

    As :func:`projection` without the height, number by number: this is called for every step of
    every search.
    """
    poses = np.asarray(pose, dtype=np.float64)
    x, y, z, pan, tilt, roll, zoom = (poses[..., i] for i in range(POSE_SIZE))
    sp, cp, st, ct, sr, cr = (f(a) for a in (pan, tilt, roll) for f in (np.sin, np.cos))
    width, height = size_px
    focal = np.exp(zoom) * width
    forward = sp * ct, cp * ct, -st
    matrix = np.empty((*poses.shape[:-1], 3, 3))
    rows = (
        (cr * cp - sr * sp * st, -cr * sp - sr * cp * st, -sr * ct, width / 2),
        (-cr * sp * st - sr * cp, -cr * cp * st + sr * sp, -cr * ct, height / 2),
    )
    for row, (first, second, third, middle) in enumerate(rows):
        along = [
            focal * part + middle * ahead
            for part, ahead in zip((first, second, third), forward, strict=True)
        ]
        matrix[..., row, 0], matrix[..., row, 1] = along[0], along[1]
        matrix[..., row, 2] = -(along[0] * x + along[1] * y + along[2] * z)
    matrix[..., 2, 0], matrix[..., 2, 1] = forward[0], forward[1]
    matrix[..., 2, 2] = -(forward[0] * x + forward[1] * y + forward[2] * z)
    return matrix


def pose_looking_at(
    position_ft: ArrayLike, aim_ft: ArrayLike, field_ft: ArrayLike, roll: ArrayLike = 0.0
) -> Array:
    """(..., 7) poses from a position (..., 3), a place on the ice (..., 2), and the picture's
    width ``field_ft`` (...) in feet at that place."""
    place = np.asarray(position_ft, dtype=np.float64)
    aim = np.asarray(aim_ft, dtype=np.float64)
    offset = np.concatenate([aim, np.zeros((*aim.shape[:-1], 1))], axis=-1) - place
    flat = np.hypot(offset[..., 0], offset[..., 1])
    distance = np.linalg.norm(offset, axis=-1)
    pan = np.arctan2(offset[..., 0], offset[..., 1])
    tilt = np.arctan2(-offset[..., 2], flat)
    zoom = np.log(distance / np.asarray(field_ft, dtype=np.float64))
    turn = np.broadcast_to(np.asarray(roll, dtype=np.float64), pan.shape)
    angles = np.stack([pan, tilt, turn, zoom], axis=-1)
    return np.concatenate([np.broadcast_to(place, (*pan.shape, 3)), angles], axis=-1)
