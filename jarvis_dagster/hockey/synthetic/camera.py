"""Cameras: where they stand, where they look, what they see.

Belongs here: projection from rink feet to pixels and the motion of cameras.
Does not belong here: what is drawn.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["Camera", "Operator", "Shot", "plan_shots"]

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera without distortion.

    Args:
        position_ft: (x, y, z) on the rink, z up.
        aim_ft: (x, y, z) of the picture's centre.
        focal_px: Focal length.
        size_px: (width, height) of the picture.
    """

    position_ft: Array
    aim_ft: Array
    focal_px: float
    size_px: tuple[int, int]

    def __post_init__(self) -> None:
        forward = self.aim_ft - self.position_ft
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        rotation = np.stack([right, down, forward])
        inner = np.array(
            [
                [self.focal_px, 0, self.size_px[0] / 2],
                [0, self.focal_px, self.size_px[1] / 2],
                [0, 0, 1],
            ]
        )
        matrix = inner @ np.hstack([rotation, -rotation @ self.position_ft[:, None]])
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "forward", forward)

    matrix: Array = dataclasses.field(init=False)
    """(3, 4): homogeneous rink feet to pixels; the third row is the depth in feet."""
    forward: Array = dataclasses.field(init=False)

    def project(self, xyz_ft: ArrayLike) -> tuple[Array, Array]:
        """Pixels (..., 2) and depth (...) in feet of points (..., 3); depth <= 0: behind."""
        points = np.asarray(xyz_ft, dtype=np.float64)
        mapped = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        depth = mapped[..., 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return mapped[..., :2] / safe[..., None], depth

    @property
    def ice_to_image(self) -> Array:
        """(3, 3) homography, rink feet on the ice to pixels."""
        matrix: Array = self.matrix[:, [0, 1, 3]]
        return matrix

    @property
    def image_to_ice(self) -> Array:
        """(3, 3) homography, pixels to rink feet on the ice."""
        inverse = np.linalg.inv(self.ice_to_image).astype(np.float64)
        scaled: Array = inverse / np.abs(inverse).max()
        return scaled


@dataclasses.dataclass(frozen=True)
class Shot:
    """A stretch of frames from one camera; ``start`` inclusive, ``stop`` exclusive."""

    start: int
    stop: int
    kind: str  # main | close-up | end


def plan_shots(spec: GameSpec) -> list[Shot]:
    """Cut away ``spec.cuts`` times, evenly with some jitter, and back each time."""
    rng = np.random.default_rng([spec.seed, 3])
    total = spec.frame_count
    shots: list[Shot] = []
    begin = 0
    for i in range(spec.cuts):
        middle = (i + 0.55 + float(rng.uniform(-0.12, 0.12))) * total / spec.cuts
        length = min(2.4 * spec.fps, 0.4 * total / spec.cuts)
        start, stop = round(middle - length / 2), round(middle + length / 2)
        if start - begin < 2 or stop - start < 2:
            continue
        shots.append(Shot(begin, start, "main"))
        shots.append(Shot(start, stop, "close-up" if i % 2 == 0 else "end"))
        begin = stop
    shots.append(Shot(begin, total, "main"))
    return shots


class Operator:
    """Follows the puck as a camera operator does: smooth, a little late, never jerky."""

    def __init__(self, spec: GameSpec, rink: Rink) -> None:
        self._spec = spec
        self._rink = rink
        self._centre = np.array(rink.centre_ft)
        self._state = np.array([*rink.centre_ft, 1.42])  # aim x, aim y, focal / width
        self._rate = np.zeros(3)
        self._subject = np.array(rink.centre_ft)
        self._seen = np.array([*rink.centre_ft, 0.0, 0.0])  # smoothed puck and its velocity

    def step(self, puck: Array, dt: float) -> None:
        """Advance by ``dt`` seconds with the puck at ``puck`` (2,)."""
        before = self._seen[:2].copy()
        self._seen[:2] += (puck - before) * min(1.0, 5 * dt)
        velocity = (self._seen[:2] - before) / dt
        self._seen[2:] += (velocity - self._seen[2:]) * min(1.0, 2.5 * dt)
        length, width = self._rink.length_ft, self._rink.width_ft
        lead = np.clip(self._seen[2] * 0.55, -14, 14)
        off = (self._seen[0] - length / 2) / (length / 2)
        goal = np.array(
            [
                np.clip(self._seen[0] + lead, 0.16 * length, 0.84 * length),
                np.clip(0.5 * self._seen[1] + 0.22 * width, 0.38 * width, 0.58 * width),
                1.4 + 0.34 * off * off - 0.0025 * min(60.0, abs(float(self._seen[2]))),
            ]
        )
        stiff = np.array([2.6, 1.8, 1.1])
        self._rate += (stiff**2 * (goal - self._state) - 2 * stiff * self._rate) * dt
        self._state = self._state + self._rate * dt

    def camera(self, kind: str, puck: Array, *, new_shot: bool) -> Camera:
        """The camera for a shot of ``kind`` with the puck at ``puck`` (2,).

        Close-ups follow the puck loosely, from where it was when the shot began.
        """
        if new_shot:
            self._subject = np.array(puck, dtype=np.float64)
        self._subject += (puck - self._subject) * min(1.0, 1.2 / self._spec.fps)
        subject = self._subject
        size = (self._spec.width_px, self._spec.height_px)
        width_px, length, width = size[0], self._rink.length_ft, self._rink.width_ft
        if kind == "close-up":
            place = np.array([subject[0] * 0.8 + 0.2 * length / 2, -14.0, 13.0])
            aim = np.array([*subject, 3.2])
            distance = float(np.linalg.norm(aim - place))
            return Camera(place, aim, width_px * distance / 24.0, size)
        if kind == "end":
            right = subject[0] > length / 2
            place = np.array([length + 34.0 if right else -34.0, width / 2, 34.0])
            aim = np.array(
                [0.35 * subject[0] + 0.65 * (length - 30 if right else 30), width / 2, 0]
            )
            return Camera(place, aim, width_px * 0.95, size)
        if self._spec.camera == "fixed":
            place = np.array([length / 2, -46.0, 60.0])
            return Camera(place, np.array([length / 2, 0.45 * width, 0.0]), width_px * 0.6, size)
        place = np.array([length / 2, -70.0, 52.0])
        aim = np.array([self._state[0], self._state[1], 4.0])
        return Camera(place, aim, width_px * float(self._state[2]), size)
