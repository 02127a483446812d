"""Still pictures from videos.

Belongs here: JPEG files and thumbnails. Does not belong here: drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError, TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_jpeg", "thumbnail"]


def save_jpeg(image: NDArray[np.uint8], path: Path, *, quality: int = 85) -> Path:
    """Write a BGR image as JPEG (to a temporary file, then renamed)."""
    import cv2

    if image.size == 0 or image.dtype != np.uint8:
        raise BadInputError(f"{path.name}: there is no picture to save.", "Give a BGR image.")
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise BadInputError(f"{path.name}: the picture cannot be encoded as JPEG.", "")
    partial = path.with_name(f".{path.stem[:60]}.part")
    try:
        partial.write_bytes(data.tobytes())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TransientError(
            f"“{path}” could not be written ({error.strerror}).", "Check the folder and the disk."
        ) from error
    return path


def thumbnail(image: NDArray[np.uint8], *, width_px: int = 480) -> NDArray[np.uint8]:
    """``image`` scaled down to at most ``width_px`` wide; never up."""
    import cv2

    height, width = image.shape[:2]
    if width <= width_px:
        return image
    size = (width_px, max(1, round(height * width_px / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
