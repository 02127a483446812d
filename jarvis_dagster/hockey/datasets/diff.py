"""What one version of a dataset changed against another.

Belongs here: pictures and labels added, removed, changed. Does not belong here: storing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_dagster.hockey.datasets.model import Dataset, Picture

__all__ = ["compare_datasets"]

_NAMED = 20


def compare_datasets(old: Dataset, new: Dataset) -> dict[str, Any]:
    """The difference, as JSON.

    Returns:
        ``same`` content or not; ``pictures`` and ``boxes`` with ``added`` and ``removed``;
        ``relabelled`` pictures, ``moved`` to another video; ``by_class`` the change in the
        number of boxes; ``classes`` added and removed; ``examples``, names of changed pictures.
    """
    before, after = _by_content(old), _by_content(new)
    common = before.keys() & after.keys()
    relabelled = [
        key
        for key in common
        if before[key].lines != after[key].lines or before[key].labelled != after[key].labelled
    ]
    moved = [key for key in common if before[key].video != after[key].video]
    lines = [_lines(dataset) for dataset in (old, new)]
    counts = [_by_class(dataset) for dataset in (old, new)]
    return {
        "same": old.version == new.version,
        "from": old.version,
        "to": new.version,
        "pictures": {
            "added": len(after.keys() - before.keys()),
            "removed": len(before.keys() - after.keys()),
        },
        "boxes": {"added": len(lines[1] - lines[0]), "removed": len(lines[0] - lines[1])},
        "relabelled": len(relabelled),
        "moved": len(moved),
        "by_class": {
            kind: counts[1].get(kind, 0) - counts[0].get(kind, 0)
            for kind in sorted({*counts[0], *counts[1]})
        },
        "classes": {
            "added": sorted(set(new.classes) - set(old.classes)),
            "removed": sorted(set(old.classes) - set(new.classes)),
        },
        "examples": sorted(after[key].name for key in relabelled)[:_NAMED],
    }


def _by_content(dataset: Dataset) -> dict[str, Picture]:
    return {picture.sha256: picture for picture in dataset.pictures}


def _lines(dataset: Dataset) -> set[tuple[str, str]]:
    return {(picture.sha256, line) for picture in dataset.pictures for line in picture.lines}


def _by_class(dataset: Dataset) -> dict[str, int]:
    found: dict[str, int] = {}
    for picture in dataset.pictures:
        for kind in picture.classes:
            found[kind] = found.get(kind, 0) + 1
    return found
