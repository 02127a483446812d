"""From image pixels to rink feet: the calibration file.

Belongs here: the JSON file that says how a video's pixels map to the ice, its
checks, and which homography holds at a frame. Does not belong here: what is
done with the positions, or how marks are found in a picture.

A calibration is either one fixed homography (a camera that never moves) or a
homography at each of some key frames, interpolated in between where the
camera's motion is small enough for that to be right.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.calibration_file import FORMAT, parsed
from jarvis_dagster.hockey.rink.geometry import RINKS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Calibration", "apply_homography", "feet_per_px", "straightened"]

_REMEDY = "Correct the file, or leave the calibration out to go without rink positions."


def apply_homography(homography: NDArray[np.float64], xy: ArrayLike) -> NDArray[np.float64]:
    """Map points (..., 2); NaN for points on the far side of the horizon."""
    points = np.asarray(xy, dtype=np.float64)
    mapped = points @ homography[:, :2].T + homography[:, 2]
    depth = mapped[..., 2:]
    good = depth > 1e-9
    result: NDArray[np.float64] = np.where(good, mapped[..., :2] / np.where(good, depth, 1), np.nan)
    return result


def feet_per_px(homography: NDArray[np.float64], xy_px: ArrayLike) -> NDArray[np.float64]:
    """Feet (...) that a pixel is worth at pixels (..., 2), in the direction where it is most."""
    points = np.asarray(xy_px, dtype=np.float64)
    mapped = points @ homography[:, :2].T + homography[:, 2]
    depth = mapped[..., 2]
    good = depth > 1e-9
    safe = np.where(good, depth, 1.0)[..., None, None]
    place = mapped[..., :2, None] / safe
    change = (homography[:2, :2] - place * homography[2:, :2]) / safe
    # The larger singular value of a 2x2 matrix.
    total = (change**2).sum(axis=(-1, -2))
    area = change[..., 0, 0] * change[..., 1, 1] - change[..., 0, 1] * change[..., 1, 0]
    largest = np.sqrt((total + np.sqrt(np.maximum(total**2 - 4 * area**2, 0))) / 2)
    result: NDArray[np.float64] = np.where(good, largest, np.nan)
    return result


def straightened(xy_px: ArrayLike, bend: float, size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Pixels (..., 2) without the lens' distortion; see ``Calibration.bend``."""
    points = np.asarray(xy_px, dtype=np.float64)
    if not bend:
        return points
    middle = np.array(size_px) / 2
    away = points - middle
    radius = (away**2).sum(axis=-1, keepdims=True) / float(middle @ middle)
    result: NDArray[np.float64] = middle + away / (1 + bend * radius)
    return result


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse: NDArray[np.float64] = np.linalg.inv(matrix).astype(np.float64)
    return inverse


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """How image pixels map to rink feet.

    Args:
        rink: A name in ``RINKS``.
        image_size_px: (width, height) of the picture the homographies are for.
        homography: (3, 3), image px to rink ft, for a camera that never moves.
        key_frames: frame index to (3, 3) homography, for a camera that moves.
        error_ft: Typical error on the ice.
        error_px: frame index to the error of the key frame's homography in pixels of
            the picture, for the key frames that say one; see :meth:`error_ft_at`.
        bend: How much the lens bends straight lines (division model, Fitzgibbon 2001):
            a pixel at r half diagonals from the middle is 1 + ``bend`` r^2 times too
            far out. 0 is a lens without distortion, below 0 a barrel.
        valid_frames: (first, last) ranges, both inclusive, where the calibration
            holds; ``None`` means wherever a homography can be given. Nothing is
            interpolated across the border of a range: put one at every cut.
        max_gap_frames: Widest distance of two key frames to interpolate between.

    Exactly one of ``homography`` and ``key_frames`` must be given. A homography
    is stored with the sign that makes the third coordinate positive on the ice.
    """

    rink: str
    image_size_px: tuple[int, int]
    homography: NDArray[np.float64] | None = None
    key_frames: dict[int, NDArray[np.float64]] = dataclasses.field(default_factory=dict)
    error_ft: float = 0.0
    valid_frames: tuple[tuple[int, int], ...] | None = None
    max_gap_frames: int = 30
    error_px: dict[int, float] = dataclasses.field(default_factory=dict)
    bend: float = 0.0

    def __post_init__(self) -> None:
        if self.rink not in RINKS:
            raise BadInputError(f"rink {self.rink!r} is not one of {', '.join(RINKS)}.")
        if (self.homography is None) == (not self.key_frames):
            raise BadInputError("Give either homography or key_frames, not both or neither.")
        if self.homography is not None:
            object.__setattr__(self, "homography", self._checked(self.homography, "homography"))
        checked = {
            int(frame): self._checked(matrix, f"key frame {frame}")
            for frame, matrix in sorted(self.key_frames.items())
        }
        object.__setattr__(self, "key_frames", checked)
        object.__setattr__(self, "_frames", np.array(sorted(checked), dtype=np.int64))

    def _checked(self, matrix: ArrayLike, name: str) -> NDArray[np.float64]:
        array = np.array(matrix, dtype=np.float64)
        if array.shape != (3, 3) or not np.isfinite(array).all():
            raise BadInputError(f"{name} is not a 3x3 matrix of numbers.")
        if np.linalg.cond(array) > 1e14:
            raise BadInputError(f"{name} cannot be inverted: it maps the picture onto a line.")
        # The middle of the lower half of the picture shows ice in any use.
        width, height = self.image_size_px
        if float(array[2] @ np.array([width / 2, height * 0.75, 1.0])) < 0:
            array = -array
        return array

    def to_ice(self, frame: int, xy_px: ArrayLike) -> NDArray[np.float64] | None:
        """Rink feet (..., 2) of pixels (..., 2) at ``frame``; None where nothing holds."""
        matrix = self.homography_at(frame)
        return None if matrix is None else apply_homography(matrix, self.straightened(xy_px))

    def straightened(self, xy_px: ArrayLike) -> NDArray[np.float64]:
        """Pixels (..., 2) as a lens without distortion would have them."""
        return straightened(xy_px, self.bend, self.image_size_px)

    def error_ft_at(self, frame: int, xy_px: ArrayLike) -> NDArray[np.float64]:
        """Likely error (...) in feet of where pixels (..., 2) lie on the ice at ``frame``.

        The error of the nearest key frames in pixels, times what a pixel is worth there;
        the calibration's typical error where key frames say none. NaN where nothing holds.
        """
        points = np.asarray(xy_px, dtype=np.float64)
        matrix = self.homography_at(frame)
        if matrix is None:
            return np.full(points.shape[:-1], np.nan)
        return self.error_ft_of(frame, feet_per_px(matrix, self.straightened(points)))

    def error_ft_of(self, frame: int, worth_ft: NDArray[np.float64]) -> NDArray[np.float64]:
        """As :meth:`error_ft_at`, of pixels that are worth so many feet (...)."""
        error_px = self._error_px_at(frame)
        return np.full(worth_ft.shape, self.error_ft) if error_px is None else error_px * worth_ft

    def _error_px_at(self, frame: int) -> float | None:
        if not self.error_px:
            return None
        if self.homography is not None:
            return max(self.error_px.values())
        frames: NDArray[np.int64] = self._frames  # type: ignore[attr-defined]
        after = min(int(np.searchsorted(frames, frame)), len(frames) - 1)
        around = {int(frames[after])} | ({int(frames[after - 1])} if after else set())
        if frame in self.error_px:
            return self.error_px[frame]
        said = [self.error_px[key] for key in around if key in self.error_px]
        return max(said) if said else None

    def is_valid(self, frame: int) -> bool:
        """Whether the file says that the calibration holds at ``frame``."""
        if self.valid_frames is None:
            return True
        return any(first <= frame <= last for first, last in self.valid_frames)

    def homography_at(self, frame: int) -> NDArray[np.float64] | None:
        """(3, 3) image px to rink ft at ``frame``; None where none can be given honestly."""
        if not self.is_valid(frame):
            return None
        if self.homography is not None:
            return self.homography
        if frame in self.key_frames:
            return self.key_frames[frame]
        frames: NDArray[np.int64] = self._frames  # type: ignore[attr-defined]
        after = int(np.searchsorted(frames, frame))
        if after == 0 or after == len(frames):
            return None
        left, right = int(frames[after - 1]), int(frames[after])
        if right - left > self.max_gap_frames or not self._same_range(left, right):
            return None
        share = (frame - left) / (right - left)
        return self._between(self.key_frames[left], self.key_frames[right], share)

    def _same_range(self, left: int, right: int) -> bool:
        if self.valid_frames is None:
            return True
        return any(first <= left and right <= last for first, last in self.valid_frames)

    def _between(
        self, left: NDArray[np.float64], right: NDArray[np.float64], share: float
    ) -> NDArray[np.float64] | None:
        """Move four marks on the ice in a straight line through the picture.

        Blending the matrices themselves would not keep straight camera motion
        straight. Refuses when the marks move by more than a quarter of the
        picture's width: then a straight line is no longer a fair guess.
        """
        import cv2

        width, height = self.image_size_px
        probe = np.array([(0.2, 0.6), (0.8, 0.6), (0.8, 0.95), (0.2, 0.95)]) * (width, height)
        marks = (apply_homography(left, probe) + apply_homography(right, probe)) / 2
        start = apply_homography(_inverse(left), marks)
        stop = apply_homography(_inverse(right), marks)
        moved = np.linalg.norm(stop - start, axis=1)
        if not np.isfinite(moved).all() or float(moved.max()) > width / 4:
            return None
        image = (start + (stop - start) * share).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(image, marks.astype(np.float32))
        return self._checked(matrix, "interpolated homography")

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "rink": self.rink,
            "image_size_px": list(self.image_size_px),
            "error_ft": self.error_ft,
        }
        if self.bend:
            content["bend"] = self.bend
        if self.homography is not None:
            content["homography"] = self.homography.tolist()
            if self.error_px:
                content["error_px"] = max(self.error_px.values())
        else:
            content["key_frames"] = [
                {"frame": frame, "homography": matrix.tolist()}
                | ({"error_px": self.error_px[frame]} if frame in self.error_px else {})
                for frame, matrix in self.key_frames.items()
            ]
            content["max_gap_frames"] = self.max_gap_frames
        if self.valid_frames is not None:
            content["valid_frames"] = [list(pair) for pair in self.valid_frames]
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read and check a calibration file.

        Raises:
            BadInputError: not readable, or not a calibration; names file and key.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**parsed(content))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BadInputError(f"{path} cannot be read as JSON ({error}).", _REMEDY) from error
        except BadInputError as error:
            raise BadInputError(f"{path}: {error.what}", _REMEDY) from error
