"""Names that drives give to files.

Belongs here: rules that hold for all providers. Does not belong here: what a
provider forbids on top of them, looking whether a name is taken.
"""

from __future__ import annotations

from jarvis_dagster.services.files import safe_name

__all__ = ["numbered", "split_name", "visible"]


def visible(name: str) -> str:
    """A safe name that the listing does not leave out."""
    name = safe_name(name)
    return f"_{name}" if name.startswith((".", "~")) else name


def numbered(name: str, number: int, *, is_folder: bool = False) -> str:
    """``clip.mp4`` as ``clip (2).mp4``; the first keeps its name.

    >>> numbered("clip.mp4", 2), numbered("Season 1.5", 2, is_folder=True)
    ('clip (2).mp4', 'Season 1.5 (2)')
    """
    if number == 1:
        return name
    stem, extension = split_name(name, is_folder=is_folder)
    return f"{stem} ({number}){extension}"


def split_name(name: str, *, is_folder: bool = False) -> tuple[str, str]:
    """Stem, and extension with its dot; a folder has none, nor a name like ``.hidden``."""
    stem, dot, extension = name.rpartition(".")
    return (stem, f".{extension}") if stem and dot and not is_folder else (name, "")
