"""What a frame goes through before the network sees it in training.

Belongs here: geometry (scale, crop, flip, mosaic) and looks (colour, blur, compression).
Does not belong here: reading labels.

All geometry is one affine map from the stored picture to the canvas, so a stretched export
is un-stretched, scaled, cropped and flipped in one resampling.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["Canvas", "degrade", "place", "render"]

_GREY = 114
_MIN_SIDE_PX = 5
_MIN_VISIBLE = 0.3


@dataclasses.dataclass
class Canvas:
    """One training picture: BGR (H, W, 3) uint8, boxes in its pixels."""

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    roles: NDArray[np.int64]
    tight: NDArray[np.bool_]
    ignore: NDArray[np.float32]
    goals: NDArray[np.float32]
    goals_unknown: NDArray[np.float32]
    """(L, 4): regions where nothing is known of goals."""


def render(
    samples: list[Sample],
    pictures: list[NDArray[np.uint8]],
    size: tuple[int, int],
    zoom: tuple[float, float],
    rng: Generator,
) -> Canvas:
    """One sample, or four as a 2x2 mosaic, on a canvas of ``size`` (width, height).

    ``zoom`` is the range of scales; 1 fits the whole picture on the canvas.
    """
    width, height = size
    if len(samples) == 1:
        canvas = place(samples[0], pictures[0], size, _scale(zoom, rng), rng)
    else:
        half = (width // 2, height // 2)
        parts = [
            place(sample, picture, half, 2 * _scale(zoom, rng), rng)
            for sample, picture in zip(samples, pictures, strict=True)
        ]
        image = np.vstack(
            [np.hstack([p.image for p in parts[:2]]), np.hstack([p.image for p in parts[2:]])]
        )
        for index, part in enumerate(parts):
            shift = np.array([index % 2 * half[0], index // 2 * half[1]] * 2, np.float32)
            for name in ("boxes", "ignore", "goals", "goals_unknown"):
                setattr(part, name, getattr(part, name) + shift)
        canvas = Canvas(
            image,
            np.concatenate([p.boxes for p in parts]),
            np.concatenate([p.roles for p in parts]),
            np.concatenate([p.tight for p in parts]),
            np.concatenate([p.ignore for p in parts]),
            np.concatenate([p.goals for p in parts]),
            np.concatenate([p.goals_unknown for p in parts]),
        )
    canvas.image = degrade(canvas.image, rng)
    return canvas


def _scale(zoom: tuple[float, float], rng: Generator) -> float:
    return float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))


def place(
    sample: Sample,
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    scale: float,
    rng: Generator | None,
) -> Canvas:
    """Show ``sample`` on a canvas; ``scale`` 1 fits the whole picture. No ``rng``: centred."""
    import cv2

    width, height = size
    stored_h, stored_w = picture.shape[:2]
    low, high = sample.aspect if sample.aspect[0] else (stored_w / stored_h,) * 2
    aspect = (low + high) / 2
    flip = False
    share = np.array([0.5, 0.5])
    if rng is not None:
        aspect = rng.uniform(low, high) * np.exp(rng.normal(0, 0.06))
        flip = bool(rng.random() < 0.5)
        share = rng.random(2)
    shown_h = scale * min(height, width / aspect)
    shown_w = shown_h * aspect
    # Where the picture is larger than the canvas a random window of it is seen; where it is
    # smaller it stands somewhere on grey.
    left, top = share * (width - shown_w, height - shown_h)
    sx, sy = shown_w / stored_w, shown_h / stored_h
    matrix = np.array(
        [[-sx if flip else sx, 0, left + (shown_w if flip else 0)], [0, sy, top]], np.float64
    )
    image = cv2.warpAffine(
        picture,
        matrix,
        size,
        flags=cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR,
        borderValue=(_GREY, _GREY, _GREY),
    )

    def to_canvas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        x1, x2 = boxes[:, 0], boxes[:, 2]
        if flip:
            x1, x2 = 1 - x2, 1 - x1
        return np.stack(
            (
                left + x1 * shown_w,
                top + boxes[:, 1] * shown_h,
                left + x2 * shown_w,
                top + boxes[:, 3] * shown_h,
            ),
            1,
        ).astype(np.float32)

    boxes, keep, doubtful = _clip(to_canvas(sample.boxes), size)
    ignore, ignore_keep, ignore_rest = _clip(to_canvas(sample.ignore), size)
    if sample.goals is None:
        goals, unknown = boxes[:0], np.array([[0, 0, width, height]], np.float32)
    else:
        goals, whole, rest = _clip(to_canvas(sample.goals), size)
        goals, unknown = goals[whole], goals[rest]
    return Canvas(
        image,
        boxes[keep],
        sample.roles[keep],
        sample.tight[keep],
        np.concatenate((boxes[doubtful], ignore[ignore_keep | ignore_rest])),
        goals,
        unknown,
    )


def _clip(
    boxes: NDArray[np.float32], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Boxes cut at the border, which of them still show a person, and which only a rest."""
    clipped = boxes.copy()
    clipped[:, 0::2] = clipped[:, 0::2].clip(0, size[0])
    clipped[:, 1::2] = clipped[:, 1::2].clip(0, size[1])
    sides = clipped[:, 2:] - clipped[:, :2]
    whole = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    visible = np.prod(sides, axis=1) / whole
    keep = (sides.min(1, initial=np.inf) >= _MIN_SIDE_PX) & (visible >= _MIN_VISIBLE)
    return clipped, keep, ~keep & (visible > 0)


def degrade(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Other cameras, lights, eras and codecs: colour, contrast, blur, resolution, JPEG."""
    import cv2

    if rng.random() < 0.8:
        image = _recolour(image, rng)
    if rng.random() < 0.25:
        image = _obstruct(image, rng)
    if rng.random() < 0.15:
        image = _motion_blur(image, rng)
    elif rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.3:
        height, width = image.shape[:2]
        share = rng.uniform(0.4, 0.9)
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.15:
        # Sharpening halos of broadcast encoders.
        soft = cv2.GaussianBlur(image, (0, 0), 1.5)
        image = cv2.addWeighted(image, 1.6, soft, -0.6, 0)
    if rng.random() < 0.2:
        noise = np.zeros(image.shape[:2], np.int8)
        cv2.setRNGSeed(int(rng.integers(2**31 - 1)))
        cv2.randn(noise, 0, rng.uniform(2, 10))
        image = cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U)
    if rng.random() < 0.3:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def _recolour(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    import cv2

    if rng.random() < 0.5:
        # Kits of any colour: hue turns as a whole. Ice has none, so it stays ice.
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + rng.integers(0, 180)) % 180
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    saturation = rng.choice([0.0, rng.uniform(0.3, 1.8)], p=[0.1, 0.9])
    contrast, brightness = rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.35)
    middle = float(cv2.mean(image)[1])
    mix = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
    mix *= rng.uniform(0.85, 1.15, (3, 1)) * contrast  # white balance
    offset = np.full((3, 1), middle * (brightness - contrast))
    image = cv2.transform(image, np.hstack((mix, offset)))
    gamma = 255 * (np.arange(256) / 255) ** rng.uniform(0.7, 1.4)
    return cv2.LUT(image, gamma.astype(np.uint8))


def _obstruct(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """What stands between a rink's camera and the ice: a net, posts, hazy glass."""
    import cv2

    height, width = image.shape[:2]
    over = image.copy()
    shade = int(rng.integers(10, 120))
    if rng.random() < 0.6:
        gap, tilt = int(rng.integers(5, 14)), rng.uniform(-0.4, 0.4)
        for x in range(-height, width + height, gap):
            low = (round(x + tilt * height), height)
            cv2.line(over, (x, 0), low, (shade,) * 3, 1, cv2.LINE_AA)
        for y in range(-width, height + width, gap):
            right = (width, round(y + tilt * width))
            cv2.line(over, (0, y), right, (shade,) * 3, 1, cv2.LINE_AA)
    else:
        for x in rng.integers(0, width, int(rng.integers(1, 5))):
            cv2.line(over, (int(x), 0), (int(x), height), (shade,) * 3, int(rng.integers(2, 8)))
    share = rng.uniform(0.15, 0.7)
    mixed = cv2.addWeighted(over, share, image, 1 - share, 0)
    if rng.random() < 0.5:
        haze = np.full_like(mixed, int(rng.integers(100, 230)))
        share = rng.uniform(0.1, 0.45)
        mixed = cv2.addWeighted(haze, share, mixed, 1 - share, 0)
    return np.asarray(mixed, np.uint8)


def _motion_blur(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    import cv2

    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    if rng.random() < 0.7:  # cameras mostly pan
        kernel[length // 2] = 1 / length
    else:
        kernel[:, length // 2] = 1 / length
    return cv2.filter2D(image, -1, kernel)
