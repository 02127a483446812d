"""Names: one form for comparing, and names for copies.

Belongs here: what makes two paths the same, and what a conflict copy is called.
Does not belong here: what is done about either.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["aliases", "composed", "conflict_path", "is_same_name", "parent", "parents", "tamed"]

_NAME_BYTES = 200  # as safe_name has it


def composed(path: str) -> str:
    """The path in the Unicode form in which paths are compared (NFC)."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def parent(path: str) -> str:
    """The folder of a path; empty for the top."""
    return path.rpartition("/")[0]


def parents(path: str) -> Iterable[str]:
    """The folders above a path, nearest first, without the top."""
    while path := parent(path):
        yield path


@functools.lru_cache(maxsize=65_536)
def tamed(name: str) -> str:
    """What a folder of this machine makes of a name, by the rules of the local drive."""
    safe = safe_name(name)
    return f"_{safe}" if safe.startswith((".", "~")) else safe


def is_same_name(asked: str, given: str) -> bool:
    """Whether a drive that was asked for one name gave it, as far as it can hold it.

    Case counts: a drive that answers ``a.txt`` with ``A.txt`` has another file.
    """
    asked, given = composed(asked), composed(given)
    return asked == given or tamed(asked) == tamed(given)


def aliases(only_a: Iterable[str], only_b: Iterable[str]) -> dict[str, str]:
    """Which paths of B are paths of A under a name that one side could not hold.

    Args:
        only_a: Listed paths of A that B does not have.
        only_b: Listed paths of B that A does not have.

    Returns:
        The path of A by the path of B.
    """
    plain, became = set(only_a), dict[str, list[str]]()
    for path in sorted(plain):
        if (tame := _tamed_path(path)) != path:
            became.setdefault(tame, []).append(path)
    found = {}
    for path in sorted(only_b):
        # Two names that would become the same are two files: one has to be what the other becomes.
        if same := became.get(path):
            found[path] = same.pop(0)
        elif (tame := _tamed_path(path)) != path and tame in plain:
            found[path] = tame
            plain.remove(tame)
    return found


def _tamed_path(path: str) -> str:
    return "/".join(tamed(part) for part in path.split("/"))


def conflict_path(path: str, sha256: str, is_free: Callable[[str], bool]) -> str:
    """Where a copy of ``path`` with this content goes.

    The same content of the same path always goes to the same place, so that
    doing it again makes no second copy.

    Args:
        is_free: Whether a path may be taken.
    """
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    start = f"{folder}/" if folder else ""
    room = _NAME_BYTES - len(f"{dot}{extension} (conflict 01234567 999)".encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip()
    for number in itertools.count(1):
        mark = sha256[:8] if number == 1 else f"{sha256[:8]} {number}"
        found = f"{start}{stem} (conflict {mark}){dot}{extension}"
        if is_free(found):
            return found
    raise AssertionError  # there is always another number
