"""Near copies of pictures, by perceptual hash.

Belongs here: hashes, pairs, videos that share pictures. Does not belong here: what is done
about them (``splits``, ``checking``).

The hash is pHash with 256 bits of a picture at 96x54. Copies of one picture, recompressed, half
as large or brighter, differ in a few bits, frames of different videos in many
(``benchmarks/near_copies.py`` counts them). But two games before one fixed camera may differ in
hardly more than copies do, since most of the picture is the same rink: from 13 bits on the pixels
decide.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.datasets.pictures import small_grey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.datasets.model import Picture

__all__ = ["NearCopies", "Pair", "find_near_copies", "hash_bits", "linked_videos"]

_SIDE = 16
_SURE_BITS, _MOST_BITS = 12, 24
_LEVELS, _MOST_SHARE = 20, 0.015
_ROWS = 2048  # of the comparison at a time: 2048 x 50,000 floats are 400 MB


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two pictures that are near copies; ``bits`` of 256 differ."""

    a: Picture
    b: Picture
    bits: int
    mirrored: bool


@dataclasses.dataclass(frozen=True)
class NearCopies:
    """What was found in a dataset."""

    across: tuple[Pair, ...]
    """Of different videos."""
    within: int
    """Pairs of pictures of one video."""


def hash_bits(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(256,) of 1 and -1: the hash of a small grey picture."""
    import imagehash
    from PIL import Image

    found = imagehash.phash(Image.fromarray(grey), hash_size=_SIDE, highfreq_factor=3)
    return np.where(found.hash.ravel(), 1, -1).astype(np.float32)


def find_near_copies(
    pictures: Sequence[Picture], progress: Callable[[int, int], None] | None = None
) -> NearCopies:
    """Compare every picture with every other one, and with its mirror image."""
    own = np.zeros((len(pictures), _SIDE**2), np.float32)
    flipped = own.copy()
    greys: list[NDArray[np.uint8]] = []
    for number, picture in enumerate(pictures):
        grey = small_grey(picture.path)
        greys.append(grey)
        own[number] = hash_bits(grey)
        flipped[number] = hash_bits(np.ascontiguousarray(grey[:, ::-1]))
        if progress:
            progress(number + 1, len(pictures))
    across, within = [], 0
    for a, b, differ, mirrored in _close(own, flipped):
        if differ > _SURE_BITS and not _same_pixels(greys[a], greys[b], mirrored=mirrored):
            continue
        if pictures[a].video == pictures[b].video:
            within += 1
        else:
            across.append(Pair(pictures[a], pictures[b], differ, mirrored))
    return NearCopies(tuple(sorted(across, key=lambda pair: pair.bits)), within)


def _same_pixels(a: NDArray[np.uint8], b: NDArray[np.uint8], *, mirrored: bool) -> bool:
    """Whether two small pictures are the same but for their brightness."""
    one = a.astype(np.int16)
    other = (b[:, ::-1] if mirrored else b).astype(np.int16)
    offset = round(float(one.mean() - other.mean()))
    return float((np.abs(one - other - offset) > _LEVELS).mean()) <= _MOST_SHARE


def _close(
    own: NDArray[np.float32], flipped: NDArray[np.float32]
) -> Iterable[tuple[int, int, int, bool]]:
    """(a, b, bits, mirrored) of each pair a < b that is close, once."""
    for start in range(0, len(own), _ROWS):
        part = own[start : start + _ROWS]
        plain = (own.shape[1] - part @ own.T) / 2
        mirror = (own.shape[1] - part @ flipped.T) / 2
        least = np.minimum(plain, mirror)
        for row, column in np.argwhere(least <= _MOST_BITS):
            if start + row < column:
                mirrored = bool(mirror[row, column] < plain[row, column])
                yield start + int(row), int(column), int(least[row, column]), mirrored


def linked_videos(copies: NearCopies, videos: Sequence[str]) -> list[tuple[str, ...]]:
    """The videos in groups: those that share pictures, directly or through others."""
    parent = {video: video for video in videos}

    def root(video: str) -> str:
        while parent[video] != video:
            video = parent[video]
        return video

    for pair in copies.across:
        if pair.a.video in parent and pair.b.video in parent:
            parent[root(pair.b.video)] = root(pair.a.video)
    groups: dict[str, list[str]] = {}
    for video in sorted(videos):
        groups.setdefault(root(video), []).append(video)
    return [tuple(group) for group in groups.values()]
