"""Frozen moments of a video: a few pairs of pictures that are kept after the video is gone.

Belongs here: choosing, keeping and reading them. Does not belong here: what is measured on them.

The two pictures of a pair are a tenth of a second apart: people have moved less than they are
wide, so whoever is really there is found in both, where the camera's own motion is taken out.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["choose_moments", "read_moments", "take_moments", "write_moments"]

_APART_S = 0.1
_LONGEST_PX = 960
_RINK_SHARE = 0.15
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def choose_moments(scan: pd.DataFrame, fps: float, most: int = 6) -> list[tuple[int, int]]:
    """Frame numbers of up to ``most`` pairs, spread over the video.

    Both are of one shot, and show a rink where the scan tells that any do (its column
    ``ice_share``): ice is told by its light, and in the dark it may not be.
    """
    step = max(1, round(_APART_S * fps))
    frames = scan["frame"].to_numpy(np.int64)
    if len(frames) <= step:
        return []
    cuts = np.cumsum(scan["is_cut"].to_numpy(bool))
    good = cuts[:-step] == cuts[step:]
    if "ice_share" in scan.columns:
        rink = scan["ice_share"].to_numpy(np.float64) >= _RINK_SHARE
        rink = rink[:-step] & rink[step:] & good
        good = rink if rink.any() else good
    known = np.flatnonzero(good)
    if not len(known):
        return []
    chosen = known[np.linspace(0, len(known) - 1, 2 * min(most, len(known)) + 1).astype(int)[1::2]]
    return [(int(frames[at]), int(frames[at + step])) for at in np.unique(chosen)]


def take_moments(video: Path, frames: Sequence[tuple[int, int]]) -> list[Pair]:
    """The pictures, at most 960 px wide; each pair is sought."""
    from jarvis_dagster.hockey.video import probe, read_frames

    if not frames:
        return []
    info = probe(video)
    scale = min(1.0, _LONGEST_PX / max(info.width_px, info.height_px))
    size = max(2, round(info.width_px * scale)), max(2, round(info.height_px * scale))
    pairs = []
    for first, second in frames:
        step = max(1, second - first)
        read = read_frames(video, start=first, stop=second + 1, every=step, size=size)
        pictures = [frame.image for frame in read]
        if len(pictures) == 2:
            pairs.append((pictures[0], pictures[1]))
    return pairs


def write_moments(pairs: Sequence[Pair], path: Path) -> None:
    """A zip file of JPEG pictures, the same bytes for the same pictures."""
    import cv2

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        for number, pair in enumerate(pairs):
            for side, image in zip("ab", pair, strict=True):
                _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])
                entry = zipfile.ZipInfo(f"{number:02d}{side}.jpg", _LONG_AGO)
                packed.writestr(entry, data.tobytes())


def read_moments(path: Path) -> list[Pair]:
    """What :func:`write_moments` kept.

    Raises:
        BadInputError: it is no such file.
    """
    import cv2

    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as packed:
            names = sorted(packed.namelist())
            images = [
                cv2.imdecode(np.frombuffer(packed.read(name), np.uint8), cv2.IMREAD_COLOR)
                for name in names
            ]
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{path.name} does not hold frozen moments ({error}).",
            "Remove it: the Autopilot freezes moments of the next videos.",
        ) from error
    if len(images) % 2 or any(image is None for image in images):
        raise BadInputError(
            f"{path.name} does not hold pairs of pictures.",
            "Remove it: the Autopilot freezes moments of the next videos.",
        )
    pictures = [np.asarray(image, np.uint8) for image in images]
    return list(zip(pictures[::2], pictures[1::2], strict=True))
