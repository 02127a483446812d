"""The one internal form of a dataset, and what identifies its content.

Belongs here: pictures with boxes, the hash that names a version. Does not belong here: files
(``folder``), formats (``formats``).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VERSION_DIGITS", "Dataset", "Picture", "box_text"]

VERSION_DIGITS = 12
"""Of the content hash, enough to name a version by."""


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """One picture and who is boxed on it."""

    path: Path
    name: str
    """Its file name in the dataset; no two share a stem."""
    sha256: str
    video: str
    """The game or video it comes from: pictures of one never stand on both sides of a split."""
    size_px: tuple[int, int]
    """Width and height as stored."""
    classes: tuple[str, ...]
    """Class of each box."""
    boxes: NDArray[np.float64]
    """(N, 4): x1 y1 x2 y2 as shares of width and height; may reach over the edge."""
    labelled: bool = True
    """False where nobody looked: that is not the same as a picture without people."""
    aspect: float | None = None
    """True width / height of a picture that is stored stretched."""

    @property
    def lines(self) -> list[str]:
        """Its boxes as text, in an order that does not depend on the source's."""
        return sorted(
            f"{kind} {box_text(box)}" for kind, box in zip(self.classes, self.boxes, strict=True)
        )


def box_text(box: NDArray[np.float64]) -> str:
    """Centre and size with six digits, as YOLO text has them."""
    x1, y1, x2, y2 = (float(value) for value in box)
    # Adding zero keeps "-0.000000" from being another content than "0.000000".
    return " ".join(
        f"{round(value, 6) + 0.0:.6f}" for value in ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures of one or more videos, with the classes that their labels know."""

    name: str
    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]
    """What was labelled; a class that is listed and not boxed is not on the picture."""
    source: str = ""
    """The format that it was read from."""
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What reading it changed or left out; no part of the content."""

    @functools.cached_property
    def version(self) -> str:
        """64 hex digits of pictures, labels, videos and classes; names and order are no part."""
        digest = hashlib.sha256()
        digest.update("\n".join(sorted(self.classes)).encode())
        rows = []
        for picture in self.pictures:
            head = (
                f"{picture.sha256} {picture.video} {picture.aspect or 0:.4f} {picture.labelled:d}"
            )
            rows.append("\n".join([head, *picture.lines]))
        for row in sorted(rows):
            digest.update(b"\0" + row.encode())
        return digest.hexdigest()

    @property
    def videos(self) -> tuple[str, ...]:
        """Every video, sorted."""
        return tuple(sorted({picture.video for picture in self.pictures}))

    @property
    def labelled(self) -> tuple[Picture, ...]:
        """The pictures that somebody labelled."""
        return tuple(picture for picture in self.pictures if picture.labelled)

    def of(self, videos: Iterable[str]) -> Dataset:
        """Only the pictures of these videos."""
        wanted = set(videos)
        chosen = tuple(picture for picture in self.pictures if picture.video in wanted)
        return dataclasses.replace(self, pictures=chosen)

    def counts(self) -> dict[str, dict[str, int]]:
        """Boxes by video and class."""
        found = {video: dict.fromkeys(self.classes, 0) for video in self.videos}
        for picture in self.pictures:
            for kind in picture.classes:
                found[picture.video][kind] = found[picture.video].get(kind, 0) + 1
        return found

    def summary(self) -> dict[str, Any]:
        """What a list of versions shows; the same for the same content."""
        return {
            "version": self.version,
            "pictures": len(self.pictures),
            "labelled": len(self.labelled),
            "boxes": sum(len(picture.classes) for picture in self.pictures),
            "videos": {
                video: sum(picture.video == video for picture in self.pictures)
                for video in self.videos
            },
            "classes": {
                kind: sum(picture.classes.count(kind) for picture in self.pictures)
                for kind in self.classes
            },
        }
