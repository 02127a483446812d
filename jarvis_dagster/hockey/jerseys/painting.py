"""Upper bodies with and without numbers, for training.

Belongs here: pictures and the number that can be read in each. Does not belong here: the shapes
of digits (``digits``), the network (``train``).

What a network learns from painted jerseys holds on real ones only if the paintings vary more than
reality does: fonts, colours, folds, turns of the body, names, logos, sticks, blur, compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.jerseys.digits import number_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

__all__ = ["SIDE_PX", "paint"]

SIDE_PX = 48
"""Pictures are squares of so many pixels, whatever shape the upper body had."""
_LARGE = 160
_READABLE_PX = 7.5
"""Height of digits in the source below which nothing is asked of the network."""
_WORDS = "BOSTONMILLERSTARSQUEBECDUCKSIGLOO"


def paint(rng: np.random.Generator, backgrounds: list[Image]) -> tuple[Image, str]:
    """A picture (48, 48, 3) BGR, and its number; "" where none can be read.

    Args:
        backgrounds: Pictures of upper bodies, on some of which is painted; may be empty.
    """
    import cv2

    if backgrounds and rng.random() < 0.35:
        canvas, cloth = _real(rng, backgrounds)
    else:
        cloth = _colour(rng)
        canvas = _person(rng, cloth, backgrounds)
    kind = rng.random()
    text, tall = "", 0.0
    if kind < 0.72:
        text = str(int(rng.integers(1, 100)))
        if rng.random() < 0.25:  # single digits are one in eleven numbers, and not rarer on ice
            text = str(int(rng.integers(1, 10)))
        tall, whole = _number(canvas, text, cloth, rng)
        if not whole:
            text = ""
    elif kind < 0.86:
        _logo(canvas, cloth, rng)
    elif kind < 0.92:
        _stripes(canvas, rng)
    if rng.random() < 0.3:
        _stick(canvas, rng)
    seen_px = float(np.exp(rng.uniform(np.log(16), np.log(110))))
    image = _filmed(canvas, seen_px, rng)
    if tall * seen_px / _LARGE < _READABLE_PX:
        text = ""
    return np.asarray(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)), text


def _colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Kits are white, dark or of a strong colour."""
    kind = rng.random()
    if kind < 0.4:
        return rng.uniform(205, 250, 3)
    if kind < 0.6:
        return rng.uniform(12, 60, 3)
    colour = rng.uniform(0, 90, 3)
    colour[int(rng.integers(3))] = rng.uniform(90, 230)
    if rng.random() < 0.25:
        colour[int(rng.integers(3))] = rng.uniform(120, 230)
    return colour


def _real(rng: np.random.Generator, backgrounds: list[Image]) -> tuple[Image, NDArray[np.float64]]:
    """Somebody from a real picture whose number, if there was one, is painted over."""
    import cv2

    chosen = backgrounds[int(rng.integers(len(backgrounds)))]
    canvas = np.asarray(cv2.resize(chosen, (_LARGE, _LARGE), interpolation=cv2.INTER_CUBIC))
    if rng.random() < 0.5:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
    third = _LARGE // 3
    cloth = np.median(canvas[third : 2 * third, third : 2 * third].reshape(-1, 3), axis=0)
    y, x = np.mgrid[0:_LARGE, 0:_LARGE].astype(np.float32) / _LARGE - 0.5
    share = np.clip(1.6 - ((x / 0.27) ** 2 + ((y + 0.02) / 0.33) ** 2) * 1.1, 0, 1)[..., None]
    plain = (
        cloth.astype(np.float32)
        + cv2.resize(rng.normal(0, 7, (6, 6)).astype(np.float32), (_LARGE, _LARGE))[..., None]
    )
    return (canvas * (1 - share) + plain * share).clip(0, 255).astype(np.uint8), cloth


def _person(
    rng: np.random.Generator, cloth: NDArray[np.float64], backgrounds: list[Image]
) -> Image:
    """Ice, a trunk, arms and a head, or somebody from a real picture in a new jersey."""
    import cv2

    side = _LARGE
    if backgrounds and rng.random() < 0.6:
        chosen = backgrounds[int(rng.integers(len(backgrounds)))]
        canvas = cv2.resize(chosen, (side, side), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.5:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
    else:
        ice = rng.uniform(170, 245) + rng.normal(0, 5, 3)
        canvas = np.full((side, side, 3), ice.clip(0, 255), np.uint8)
        if rng.random() < 0.4:
            y = int(rng.uniform(0, 0.6) * side)
            cv2.rectangle(canvas, (0, 0), (side, y), rng.uniform(0, 255, 3).tolist(), -1)
    trunk = np.array([(0.3, 0.1), (0.7, 0.1), (0.72, 0.85), (0.28, 0.85)])
    lean = rng.normal(0, 0.12)
    trunk[:2, 0] += lean
    trunk += rng.normal(0, 0.04, (4, 2))
    trunk[:, 0] = 0.5 + (trunk[:, 0] - 0.5) * rng.uniform(0.8, 1.6)
    shade = rng.uniform(0.75, 1.05)
    layer = canvas.copy()
    low = trunk[2:].mean(0)
    for shoulder in trunk[:2]:
        elbow = shoulder + np.array([np.sign(shoulder[0] - 0.5) * rng.uniform(0, 0.25), 0.35])
        ends = [(p * side).astype(int).tolist() for p in (shoulder, elbow)]
        cv2.line(
            layer, ends[0], ends[1], (cloth * shade).tolist(), int(rng.uniform(18, 34)), cv2.LINE_AA
        )
    cv2.fillPoly(layer, [(trunk * side).astype(np.int32)], cloth.tolist(), cv2.LINE_AA)
    if rng.random() < 0.5:  # a band at the hem
        a, b = (low * side).astype(int)
        band = rng.uniform(0, 255, 3).tolist()
        cv2.line(layer, (int(a) - 40, int(b)), (int(a) + 40, int(b)), band, int(rng.uniform(6, 18)))
    cv2.circle(
        layer,
        (int((trunk[:2, 0].mean() + lean / 2) * side), int(rng.uniform(-0.08, 0.08) * side)),
        int(rng.uniform(16, 26)),
        _colour(rng).tolist(),
        -1,
        cv2.LINE_AA,
    )
    legs = (0, int(rng.uniform(0.82, 1.0) * side))
    cv2.rectangle(layer, legs, (side, side), rng.uniform(0, 120, 3).tolist(), -1)
    wrinkles = rng.normal(0, rng.uniform(2, 14), (7, 7)).astype(np.float32)
    folds = cv2.resize(wrinkles, (side, side))
    shaded = layer.astype(np.float32) + folds[..., None] * (layer != canvas).any(2, keepdims=True)
    return np.asarray(shaded.clip(0, 255), np.uint8)


def _number(
    canvas: Image, text: str, cloth: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, bool]:
    """Paint a number on; its height in pixels, and whether it can be told."""
    colour = _colour(rng)
    while np.abs(colour - cloth).max() < 70:
        colour = rng.uniform(0, 255, 3)
    mask = number_mask(text, rng)
    tall = rng.uniform(0.28, 0.56) * _LARGE
    turn = rng.uniform(0.45, 1.25) if rng.random() < 0.85 else rng.uniform(0.12, 0.4)
    wide = min(tall * mask.shape[1] / mask.shape[0] * turn, 0.75 * _LARGE)
    middle = np.array([rng.normal(0.5, 0.07), rng.normal(0.46, 0.08)]) * _LARGE
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (wide / 2, tall / 2)
    corners[:, 0] += corners[:, 1] * rng.normal(0, 0.14)  # leaning
    corners[:, 1] *= 1 + corners[:, :1].ravel() / max(wide, 1) * rng.normal(0, 0.22)  # turned
    angle = np.radians(rng.normal(0, 11))
    turned = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    quad = turned + middle
    rim = int(rng.integers(0, 9)) if rng.random() < 0.6 else 0
    if rim:
        border = rng.uniform(0, 255, 3) if rng.random() < 0.5 else _colour(rng)
        _lay(canvas, mask, quad, border, rim)
    _lay(canvas, mask, quad, colour, 0)
    if rng.random() < 0.7:
        _name(canvas, quad, colour, rng)
    inside = ((quad > 1) & (quad < _LARGE - 1)).all()
    return tall, bool(inside) and turn > 0.42


def _lay(
    canvas: Image, mask: Image, quad: NDArray[np.float64], colour: NDArray[np.float64], rim: int
) -> None:
    import cv2

    if rim:
        mask = np.asarray(cv2.dilate(np.pad(mask, 12), np.ones((2 * rim + 1,) * 2)), np.uint8)
        middle = quad.mean(0)
        quad = middle + (quad - middle) * (1 + 24 / np.array(mask.shape[::-1]))
    height, width = mask.shape
    low = np.clip(np.floor(quad.min(0)).astype(int) - 1, 0, _LARGE - 1)
    high = np.clip(np.ceil(quad.max(0)).astype(int) + 2, low + 1, _LARGE)
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    share = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR)[..., None] / np.float32(
        255
    )
    area = canvas[low[1] : high[1], low[0] : high[0]]
    area[:] = area * (1 - share) + colour.astype(np.float32) * share


def _name(
    canvas: Image, quad: NDArray[np.float64], colour: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """A name above the number."""
    start = int(rng.integers(0, len(_WORDS) - 9))
    word = _WORDS[start : start + int(rng.integers(4, 9))]
    mask = number_mask(word, rng)
    up = (quad[0] - quad[3]) / max(np.linalg.norm(quad[0] - quad[3]), 1)
    side = quad[1] - quad[0]
    wide = rng.uniform(0.8, 1.4)
    middle = (quad[0] + quad[1]) / 2 + up * rng.uniform(8, 18)
    tall = rng.uniform(8, 15)
    top = [middle - side * wide / 2 + up * tall, middle + side * wide / 2 + up * tall]
    low = [middle + side * wide / 2, middle - side * wide / 2]
    _lay(canvas, mask, np.array([*top, *low]), colour, 0)


def _logo(canvas: Image, cloth: NDArray[np.float64], rng: np.random.Generator) -> None:
    """A crest, a letter or a word, as on the front."""
    import cv2

    middle = (np.array([rng.normal(0.5, 0.08), rng.normal(0.42, 0.08)]) * _LARGE).astype(int)
    colour = _colour(rng).tolist()
    if rng.random() < 0.5:
        count = int(rng.integers(3, 9))
        reach = rng.uniform(0.08, 0.26) * _LARGE
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        spokes = reach * rng.uniform(0.4, 1, count)
        points = middle + np.stack([spokes * np.cos(angles), spokes * np.sin(angles)], 1)
        cv2.fillPoly(canvas, [points.astype(np.int32)], colour, cv2.LINE_AA)
        cv2.circle(canvas, middle.tolist(), int(reach / 3), _colour(rng).tolist(), -1, cv2.LINE_AA)
        return
    start = int(rng.integers(0, len(_WORDS) - 6))
    word = _WORDS[start : start + (1 if rng.random() < 0.4 else int(rng.integers(3, 7)))]
    mask = number_mask(word, rng)
    tall = rng.uniform(0.3, 0.5) * _LARGE if len(word) == 1 else rng.uniform(0.1, 0.24) * _LARGE
    wide = min(tall * mask.shape[1] / mask.shape[0], 0.7 * _LARGE)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (wide / 2, tall / 2)
    corners[:, 1] += corners[:, 0] * rng.normal(0, 0.25)
    ink = _colour(rng)
    while np.abs(ink - cloth).max() < 70:
        ink = rng.uniform(0, 255, 3)
    _lay(canvas, mask, corners + middle, ink, 0)


def _stripes(canvas: Image, rng: np.random.Generator) -> None:
    """An official's shirt."""
    import cv2

    step, lean = int(rng.integers(10, 24)), int(rng.normal(0, 20))
    for x in range(int(0.2 * _LARGE), int(0.8 * _LARGE), step):
        cv2.line(canvas, (x + lean, 16), (x, 130), (20, 20, 20), step // 2)


def _stick(canvas: Image, rng: np.random.Generator) -> None:
    import cv2

    ends = rng.uniform(0, _LARGE, (2, 2)).astype(int).tolist()
    shade = rng.uniform(0, 230, 3).tolist()
    cv2.line(canvas, ends[0], ends[1], shade, int(rng.integers(2, 7)), cv2.LINE_AA)


def _filmed(canvas: Image, seen_px: float, rng: np.random.Generator) -> Image:
    """As a camera sees it from far away, through a codec."""
    import cv2

    image = canvas.astype(np.float32)
    image = (image - 128) * rng.uniform(0.55, 1.15) + 128 + rng.normal(0, 18)
    image *= rng.normal(1, 0.05, 3)
    side = max(12, round(seen_px))
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.1))
    if rng.random() < 0.3:
        length = int(rng.integers(2, 4))
        kernel = np.zeros((length, length), np.float32)
        if rng.random() < 0.7:
            kernel[length // 2] = 1 / length
        else:
            np.fill_diagonal(kernel, 1 / length)
        image = cv2.filter2D(image, -1, kernel)
    image += rng.normal(0, rng.uniform(0, 6), image.shape)
    out = image.clip(0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
    _, data = cv2.imencode(".jpg", out, quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
