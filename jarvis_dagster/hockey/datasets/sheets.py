"""Pictures with their boxes drawn, many on one sheet: faults are seen faster than read.

Belongs here: drawing. Does not belong here: choosing faults (``checking``), the page (``pages``).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.datasets.pictures import read_bgr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.datasets.model import Dataset, Picture

__all__ = ["COLOURS_BGR", "example_sheet", "examples_of"]

COLOURS_BGR = {
    "player": (214, 122, 20),
    "goalkeeper": (30, 150, 245),
    "referee": (40, 40, 40),
    "puck": (60, 20, 220),
    "goal": (80, 170, 60),
}
_OTHER_BGR = (160, 60, 150)
_TILE_PX = (480, 270)
_COLUMNS = 3
_QUALITY = 80


def examples_of(dataset: Dataset, count: int = 12) -> list[Picture]:
    """Pictures of every video in turn, those with rare classes first; the same every time."""
    rarity = {kind: 1 / max(1, number) for kind, number in dataset.summary()["classes"].items()}

    def worth(picture: Picture) -> tuple[float, int]:
        rare = sum(rarity[kind] for kind in set(picture.classes))
        return -rare, zlib.crc32(picture.sha256.encode())

    queues = [
        sorted((p for p in dataset.labelled if p.video == video), key=worth)
        for video in dataset.videos
    ]
    chosen: list[Picture] = []
    for turn in range(count):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
        if len(chosen) >= count:
            break
    return chosen[:count]


def example_sheet(pictures: Sequence[Picture]) -> bytes:
    """A JPEG with the pictures as tiles, three in a row."""
    import cv2

    tiles = [_tile(picture) for picture in pictures]
    while len(tiles) % _COLUMNS:
        tiles.append(np.full((_TILE_PX[1], _TILE_PX[0], 3), 255, np.uint8))
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    done, data = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise AssertionError("a sheet can always be encoded")
    return bytes(data.tobytes())


def _tile(picture: Picture) -> NDArray[np.uint8]:
    import cv2

    image = read_bgr(picture.path)
    height = image.shape[0]
    width = image.shape[1] if picture.aspect is None else round(height * picture.aspect)
    scale = min(_TILE_PX[0] / width, _TILE_PX[1] / height)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, shown, interpolation=cv2.INTER_AREA)
    tile = np.full((_TILE_PX[1], _TILE_PX[0], 3), 235, np.uint8)
    tile[: shown[1], : shown[0]] = small
    for kind, box in zip(picture.classes, picture.boxes, strict=True):
        x1, y1, x2, y2 = (box.clip(-0.05, 1.05) * [*shown, *shown]).round().astype(int).tolist()
        cv2.rectangle(tile, (x1, y1), (x2, y2), COLOURS_BGR.get(kind, _OTHER_BGR), 2)
    text = f"{picture.video}  {picture.name}"[:60]
    cv2.rectangle(tile, (0, _TILE_PX[1] - 18), (_TILE_PX[0], _TILE_PX[1]), (255, 255, 255), -1)
    corner, font = (4, _TILE_PX[1] - 5), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(tile, text, corner, font, 0.4, (30, 30, 30), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)
