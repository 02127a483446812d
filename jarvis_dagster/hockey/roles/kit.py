"""Kit features: what a person wears, as a few numbers a box.

Belongs here: the colour measurement on the pixels of one frame, cheap enough
to run beside the detector. Does not belong here: what the colours mean
(:mod:`jarvis_dagster.hockey.roles.teams`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KIT_COLUMNS", "kit_features"]

# Rows of the grid: the torso, then the legs, as shares of the box's height.
_TORSO_ROWS, _LEGS_ROWS, _COLS = 10, 6, 14
_ROWS = _TORSO_ROWS + _LEGS_ROWS
_CENTRES_Y = np.concatenate(
    [np.linspace(0.17, 0.50, _TORSO_ROWS), np.linspace(0.56, 0.88, _LEGS_ROWS)]
).astype(np.float32)
_CENTRES_X = ((np.arange(_COLS) + 0.5) / _COLS).astype(np.float32)

_LIGHTNESS_BINS = 6
_HUE_BINS = 8

KIT_COLUMNS: tuple[str, ...] = (
    "torso_l",
    "torso_a",
    "torso_b",
    "torso_l_spread",
    "torso_stripes",
    "legs_l",
    "legs_a",
    "legs_b",
    *(f"torso_dark_{i}" for i in range(_LIGHTNESS_BINS)),
    *(f"torso_hue_{i}" for i in range(_HUE_BINS)),
    "ice_l",
    "ice_a",
    "ice_b",
    "on_ice",
    "body",
    "height_px",
)
"""Names of the columns of :func:`kit_features`.

``torso_l/a/b`` and ``legs_l/a/b``: weighted mean CIE Lab (L 0 to 100);
``torso_l_spread``: weighted standard deviation of L; ``torso_stripes``: how much
more L changes across than along the torso (vertical stripes are positive);
``torso_dark_i``: share of the torso at ``i`` sixths of the ice's lightness, last
bin open; ``torso_hue_i``: mean chroma by eighth of the hue circle; ``ice_l/a/b``:
the frame's ice, the white to which the light of the moment can be compared;
``on_ice``: share of the box's sides that look like that ice (the bench has none);
``body``: how much of the torso stands out from what is beside it (a stick: little).
"""


def kit_features(image: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure the kit inside every box.

    The box is sampled on a grid: its upper-middle part is the torso, below it the
    legs. Pixels count by how near they are to the middle of the body; off that line
    those that look like the background at the box's sides (ice, boards) hardly count,
    so that the pose matters little and a white jersey on white ice still has pixels.

    Args:
        image: BGR, (H, W, 3).
        xyxy: boxes in pixels of ``image``, (N, 4).

    Returns:
        (N, len(KIT_COLUMNS)); a row of NaN where a box has no pixels.
    """
    count = len(xyxy)
    features = np.full((count, len(KIT_COLUMNS)), np.nan, np.float32)
    if not count:
        return features
    height, width = image.shape[:2]
    limits = np.array([width, height], np.float32)
    corners = np.asarray(xyxy, np.float32)
    low = np.minimum(np.maximum(corners[:, :2], 0), limits)
    high = np.minimum(np.maximum(corners[:, 2:], 0), limits)
    size = high - low
    usable = np.flatnonzero((size >= 2).all(axis=1))
    if not len(usable):
        return features
    low, size = low[usable], size[usable]
    # One gather of cell centres for all boxes: large boxes cost no more than small ones.
    columns = (low[:, :1] + size[:, :1] * _CENTRES_X).astype(np.intp)
    rows = (low[:, 1:] + size[:, 1:] * _CENTRES_Y).astype(np.intp)
    flat = (rows * width)[:, :, None] + columns[:, None, :]
    patches = np.ascontiguousarray(image).reshape(-1, 3).take(flat.ravel(), axis=0)
    ice = _ice_lab(image)
    lab = _lab(patches.reshape(len(usable) * _ROWS, _COLS, 3))
    features[usable] = _describe(lab.reshape(len(usable), _ROWS, _COLS, 3), ice, size)
    return features


def _lab(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE Lab with L from 0 to 100 and a, b around 0."""
    import cv2

    lab = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
    lab -= np.array([0, 128, 128], np.float32)
    lab[..., 0] *= 100 / 255
    return lab


def _ice_lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The frame's white reference: the median of its bright pixels of little colour."""
    height, width = image.shape[:2]
    sample = image[:: max(1, height // 30), :: max(1, width // 50)]
    lab = _lab(np.ascontiguousarray(sample)).reshape(-1, 3)
    pale = lab[(lab[:, 1] ** 2 + lab[:, 2] ** 2) < 22**2]
    candidates = pale if len(pale) >= 20 else lab
    brightest = np.argsort(candidates[:, 0])[len(candidates) // 2 :]
    # Of each channel by itself: the colour of one pixel may be that of a line or a shirt.
    return np.asarray(np.median(candidates[brightest], axis=0), np.float32)


def _describe(
    lab: NDArray[np.float32], ice: NDArray[np.float32], sizes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Features of (N, rows, columns, 3) Lab patches."""
    count = len(lab)
    heights, ratio = sizes[:, 1], sizes[:, 1] / sizes[:, 0]
    sides_seen = lab[:, ::2, [0, 1, -2, -1]].reshape(count, -1, 3)
    sides = np.sort(sides_seen, axis=1)
    background = sides[:, sides.shape[1] // 2, None, None]
    on_ice = (((sides_seen - ice) ** 2).sum(2) < 25**2).mean(1)
    offset = lab - background
    likeness = np.exp(np.einsum("nrcd,nrcd->nrc", offset, offset) / (-2 * 9.0**2))
    # The body is where most differs from the background: a stick is thin, so a box that
    # holds it does not pull the torso's middle aside.
    solid = (1 - likeness).mean(1) ** 3 + 1e-6
    middle_x = (solid * _CENTRES_X).sum(1, keepdims=True) / solid.sum(1, keepdims=True)
    half = np.clip(0.17 * ratio[:, None], 0.12, 0.3)
    across = np.abs(_CENTRES_X - middle_x) / half
    central = np.exp(-0.5 * across**2)[:, None]
    weight = central * (1 - likeness * np.minimum(1, across)[:, None])

    spot = central[:, :, :] * np.ones((1, _TORSO_ROWS, 1), np.float32)
    body = ((1 - likeness[:, :_TORSO_ROWS]) * spot).sum((1, 2)) / spot.sum((1, 2))
    torso = lab[:, :_TORSO_ROWS].reshape(count, -1, 3)
    torso_weight = weight[:, :_TORSO_ROWS].reshape(count, -1)
    torso_weight /= torso_weight.sum(1, keepdims=True)
    legs_weight = weight[:, _TORSO_ROWS:].reshape(count, -1)
    legs_weight /= legs_weight.sum(1, keepdims=True)
    torso_mean = np.einsum("nk,nkd->nd", torso_weight, torso)
    legs_mean = np.einsum("nk,nkd->nd", legs_weight, lab[:, _TORSO_ROWS:].reshape(count, -1, 3))
    lightness = torso[..., 0]
    variance = np.einsum("nk,nk->n", torso_weight, (lightness - torso_mean[:, :1]) ** 2)
    middle = lab[:, :_TORSO_ROWS, 3:-3, 0]
    stripes = np.abs(np.diff(middle, axis=2)).mean((1, 2)) - np.abs(np.diff(middle, axis=1)).mean(
        (1, 2)
    )

    level = (lightness * (_LIGHTNESS_BINS / max(float(ice[0]), 1.0))).astype(np.intp)
    a, b = torso[..., 1] - ice[1], torso[..., 2] - ice[2]
    turn = np.floor(np.arctan2(b, a) * (_HUE_BINS / (2 * np.pi)))
    sector = turn.astype(np.intp) % _HUE_BINS
    return np.column_stack(
        [
            torso_mean,
            np.sqrt(variance),
            stripes,
            legs_mean,
            _histograms(np.minimum(level, _LIGHTNESS_BINS - 1), torso_weight, _LIGHTNESS_BINS),
            _histograms(sector, torso_weight * np.sqrt(a * a + b * b), _HUE_BINS),
            np.broadcast_to(ice, (count, 3)),
            on_ice,
            body,
            heights,
        ]
    ).astype(np.float32)


def _histograms(
    bins: NDArray[np.intp], weights: NDArray[np.float32], size: int
) -> NDArray[np.float64]:
    """One weighted histogram a row: (N, K) bins and weights to (N, size)."""
    count = len(bins)
    flat = bins + size * np.arange(count)[:, None]
    sums = np.bincount(flat.ravel(), weights.ravel(), minlength=size * count)
    return np.asarray(sums.reshape(count, size), np.float64)
