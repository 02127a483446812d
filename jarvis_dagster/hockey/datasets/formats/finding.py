"""Pictures by the names that label files give them.

Belongs here: a name to a file, never outside of the dataset. Does not belong here: formats.
"""

from __future__ import annotations

import functools
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.pictures import find_pictures
from jarvis_dagster.hockey.datasets.unpack import inside

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PictureIndex"]


class PictureIndex:
    """The pictures below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in find_pictures(self._root):
            found.setdefault(path.name, []).append(path)
        return found

    def find(self, name: str, beside: Path, source: str) -> Path | None:
        """The picture that a label file beside ``beside`` means; None where it is not there.

        Tools move pictures about when they export: besides the obvious places, a name that only
        one picture has is enough.

        Raises:
            BadInputError: the name leads out of the dataset, or several pictures have it.
        """
        inside(self._root, name, source)
        plain = name.replace("\\", "/")
        for folder in (beside, beside / "images", beside.parent / "images", self._root):
            path = folder / plain
            if path.is_file() and path.resolve().is_relative_to(self._root.resolve()):
                return path
        same = self._by_name.get(PurePosixPath(plain).name, [])
        tail = [path for path in same if path.as_posix().endswith(f"/{plain}")]
        chosen = tail or same
        if len(chosen) > 1:
            raise BadInputError(
                f"{source} names the picture {name!r}, which is there {len(chosen)} times.",
                "Give pictures of different folders different names.",
            )
        return chosen[0] if chosen else None

    def below(self, folder: Path) -> list[Path]:
        """Every picture in ``folder`` and below, by name."""
        everything = (path for paths in self._by_name.values() for path in paths)
        return sorted(path for path in everything if path.is_relative_to(folder))
