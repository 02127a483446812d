"""Picture files from elsewhere: what they are, before anything is done with them.

Belongs here: safe headers, whole decoding, hashes. Does not belong here: labels.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SUFFIXES", "find_pictures", "inspect", "read_bgr", "small_grey"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_MOST_PIXELS = 60_000_000
_MOST_SIDE = 20_000
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_THUMB_PX = (96, 54)


def find_pictures(folder: Path) -> Iterator[Path]:
    """Every picture in ``folder`` and below, by name; not what links lead to elsewhere."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if "__MACOSX" in path.parts or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise BadInputError(
                f"{path} is a link to outside of the dataset.", "Replace it by the picture."
            )
        yield path


def inspect(path: Path) -> tuple[str, tuple[int, int]]:
    """Hash, and width and height, of a picture that can be decoded whole.

    Raises:
        BadInputError: it is none, damaged, or too large; the message names it.
    """
    data = path.read_bytes()
    width, height = _header(path, data)
    import cv2

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    if image is None or _is_cut_short(data):
        raise BadInputError(f"{path.name} is a damaged picture.", "Remove or replace it.")
    return hashlib.sha256(data).hexdigest(), (width, height)


def _header(path: Path, data: bytes) -> tuple[int, int]:
    """Width and height as every reader will see them: cameras' rotation applied."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large ones are refused below, with their name
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                width, height = image.size
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far more pixels than a picture of a camera has") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadInputError(
            f"{path.name} is not a readable picture.", "JPEG, PNG, BMP and WebP are read."
        ) from error
    if width * height > _MOST_PIXELS or max(width, height) > _MOST_SIDE:
        raise _too_large(path, f"{width}x{height} pixels")
    if min(width, height) < 8:
        raise BadInputError(f"{path.name} is only {width}x{height} pixels large.", "Remove it.")
    return (height, width) if turned else (width, height)


def _too_large(path: Path, size: str) -> BadInputError:
    return BadInputError(
        f"{path.name} has {size}.",
        f"At most {_MOST_PIXELS // 1_000_000} million are read; scale it down.",
    )


def _is_cut_short(data: bytes) -> bool:
    """A JPEG without its end: decoders fill the rest with grey and say nothing."""
    return data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-64:] and b"\xff\xd9" not in data


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) BGR.

    Raises:
        BadInputError: it cannot be decoded.
    """
    import cv2

    image: Any = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise BadInputError(f"{path.name} is not a readable picture.", "Remove or replace it.")
    return np.asarray(image, np.uint8)


def small_grey(path: Path) -> NDArray[np.uint8]:
    """The picture as a small grey one, fast: JPEG files are decoded at a quarter of the size."""
    import cv2

    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_4)
    if image is not None and image.shape[1] < _THUMB_PX[0]:
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BadInputError(f"{path.name} is not a readable picture.", "Remove or replace it.")
    return np.asarray(cv2.resize(image, _THUMB_PX, interpolation=cv2.INTER_AREA), np.uint8)
