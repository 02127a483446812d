"""Names: one form for comparing, names for copies, names in the place of others.

Belongs here: what makes two paths the same, what a conflict copy is called, and
what a file that cannot have its own name. Does not belong here: what is done
about any of them.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.names import split_name, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "are_like",
    "composed",
    "conflict_path",
    "is_same_name",
    "may_be_stand_in",
    "parent",
    "parents",
    "stand_ins",
    "tamed",
    "tamed_path",
]

_NAME_BYTES = 200  # as safe_name has it
_EXTENSION_BYTES = 21
_STAND_IN = re.compile(r" \(([0-9a-f]{4}){1,16}\)(\.[^.]*)?$")


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
    return visible(name)


def is_same_name(asked: str, given: str) -> bool:
    """Whether a drive that was asked for one name gave it, as far as it can hold it.

    Case counts: a drive that answers ``a.txt`` with ``A.txt`` has another file.
    """
    asked, given = composed(asked), composed(given)
    return asked == given or tamed(asked) == tamed(given)


def are_like(one: str, another: str) -> bool:
    """Whether there may be a drive that takes two names for one, by whatever rules."""
    return _core(one) == _core(another)


def _core(name: str) -> str:
    plain = unicodedata.normalize("NFKD", tamed(name).casefold())
    return "".join(filter(str.isalnum, plain)) or plain


def tamed_path(path: str) -> str:
    """A path of which each name is as a folder of this machine has it."""
    return "/".join(map(tamed, path.split("/")))


def stand_ins(name: str, *, is_folder: bool = False) -> Iterator[str]:
    """Names for what cannot have its own because a side takes that for another's.

    They are made of nothing but the name, so that they are the same whenever and in
    whatever order one is needed. Mostly the first is free.

    >>> next(stand_ins("a?b.txt")), next(stand_ins("a:b.txt"))
    ('a_b (f8e3).txt', 'a_b (1f0f).txt')
    """
    stem, extension = _split(tamed(name), is_folder=is_folder)
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    for digits in (4, 8, 16, 64):
        yield _with_mark(stem, f"({mark[:digits]})", extension)
    # OneDrive takes no _vti_ in a name, for one.
    yield _with_mark(stem.replace("_", "-"), f"({mark[:8]})", extension.replace("_", "-"))


def may_be_stand_in(name: str) -> bool:
    """Whether a name looks like one of :func:`stand_ins`."""
    return _STAND_IN.search(name) is not None


def _split(name: str, *, is_folder: bool = False) -> tuple[str, str]:
    stem, extension = split_name(name, is_folder=is_folder)
    return (name, "") if len(extension.encode()) > _EXTENSION_BYTES else (stem, extension)


def _with_mark(stem: str, mark: str, extension: str) -> str:
    room = _NAME_BYTES - len(f" {mark}{extension}".encode())
    return f"{stem.encode()[:room].decode('utf-8', 'ignore').rstrip()} {mark}{extension}"


def conflict_path(path: str, sha256: str, is_free: Callable[[str], bool]) -> str:
    """Where a copy of ``path`` with this content goes.

    The same content of the same path always goes to the same place, so that
    doing it again makes no second copy.

    Args:
        is_free: Whether a path may be taken.
    """
    folder, _, name = path.rpartition("/")
    stem, extension = _split(name)
    start = f"{folder}/" if folder else ""
    for number in itertools.count(1):
        mark = sha256[:8] if number == 1 else f"{sha256[:8]} {number}"
        found = start + _with_mark(stem, f"(conflict {mark})", extension)
        if is_free(found):
            return found
    raise AssertionError  # there is always another number
