"""What light and camera do to a picture: brightness, smear and grain.

Belongs here: the light of the moment, motion blur and film noise. Does not belong here: the scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.blend import Image
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["Film"]

_SHUTTER = 0.4  # share of a frame's time that the shutter is open
_LEAST_FPS = 24.0
_SPARE_PX = 64


class Film:
    """Blur from the pan, and grain that changes from frame to frame."""

    def __init__(self, spec: GameSpec) -> None:
        self._last: Camera | None = None
        # At low frame rates the shutter does not stay open longer.
        self.shutter_s = _SHUTTER / max(spec.fps, _LEAST_FPS)
        self._share = self.shutter_s * spec.fps
        self._light = (spec.light_end - 1) / max(spec.frame_count - 1, 1)
        self._sheets = self._make_grain(spec) if spec.noise > 0 else []

    @staticmethod
    def _make_grain(spec: GameSpec) -> list[Image]:
        """A few sheets of grain around 128, to be used at changing offsets."""
        rng = np.random.default_rng([spec.seed, 6])
        shape = (spec.height_px + _SPARE_PX, spec.width_px + _SPARE_PX)
        sheets = []
        for _ in range(3):
            grain = rng.normal(0, spec.noise, (*shape, 1))
            tint = rng.normal(0, spec.noise * 0.4, (*shape, 3))
            sheets.append(np.clip(np.round(128 + grain + tint), 0, 255).astype(np.uint8))
        return sheets

    def expose(self, canvas: Image, frame: int) -> None:
        """Make the picture as bright as the light of the moment."""
        import cv2

        lost = -self._light * frame
        if lost:
            # Lamps that are dimmed lose blue before they lose red.
            gains = [1 - 1.15 * lost, 1 - lost, 1 - 0.9 * lost]
            cv2.transform(canvas, np.diag(gains), dst=canvas)

    def smear(self, canvas: Image, camera: Camera, cut: bool) -> None:
        """Blur what stands still by how far the camera panned while the shutter was open."""
        import cv2

        before, self._last = self._last, camera
        if cut or before is None:
            return
        shift = camera.project(camera.aim_ft)[0] - before.project(camera.aim_ft)[0]
        length = abs(float(shift[0])) * self._share
        if length >= 1.5:
            cv2.blur(canvas, (2 * round(length / 2) + 1, 1), dst=canvas)

    def grain(self, canvas: Image, frame: int) -> None:
        """Add noise."""
        import cv2

        if not self._sheets:
            return
        x, y = (frame * 37) % _SPARE_PX, (frame * 23) % _SPARE_PX
        sheet = self._sheets[frame % len(self._sheets)]
        part = sheet[y : y + canvas.shape[0], x : x + canvas.shape[1]]
        cv2.addWeighted(canvas, 1.0, part, 1.0, -128, dst=canvas)
