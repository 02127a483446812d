"""Which names of both sides are one, where no state tells.

Belongs here: finding what a side holds under a name that stands in for its own,
after a crash or without the state. Does not belong here: making such names
(``names.py``), giving them to files (``hands.py``).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.sync.names import (
    may_be_stand_in,
    parent,
    stand_ins,
    tamed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["Listed", "pair"]


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """What a side lists; ``raw`` is the path there."""

    raw: str
    file: DriveFile


_Names = dict[str, Listed]


def pair(
    listed_a: Mapping[str, Listed],
    listed_b: Mapping[str, Listed],
    is_same: Callable[[DriveFile, DriveFile], bool],
) -> tuple[dict[str, str], dict[str, str]]:
    """What of A is what of B, although the names differ.

    That is so where one name is what becomes of the other on a side that cannot
    hold it, and the content is the same: with another content it is another file,
    to which somebody gave this name. Folders are united.

    Args:
        listed_a: What A has, by path, and no state knows.
        listed_b: The same of B.
        is_same: Whether a file of A and one of B have the same content.

    Returns:
        For each side, the path that both know it by, by the path that it is listed under.
    """
    only_a = {path: listed_a[path] for path in listed_a.keys() - listed_b.keys()}
    only_b = {path: listed_b[path] for path in listed_b.keys() - listed_a.keys()}
    if not (only_a and only_b):
        return {}, {}
    doubtful = _doubtful(listed_a, only_b) | _doubtful(listed_b, only_a)
    doubtful &= listed_a.keys() & listed_b.keys()
    a = _by_folder(only_a | {path: listed_a[path] for path in doubtful})
    b = _by_folder(only_b | {path: listed_b[path] for path in doubtful})
    paths_a: dict[str, str] = {}
    paths_b: dict[str, str] = {}
    todo = [(folder, folder, folder) for folder in sorted(a.keys() & b.keys())]
    while todo:
        at_a, at_b, at = todo.pop()
        mine, yours = a.get(at_a, {}), b.get(at_b, {})

        def fit(x: str, y: str, in_a: str = at_a, in_b: str = at_b) -> int:
            """How well a name of A is one of B; 0 is not at all."""
            one, another = a[in_a][x].file, b[in_b][y].file
            if one.is_folder and another.is_folder:
                inside = a.get(_join(in_a, x), {}), b.get(_join(in_b, y), {})
                return 1 + len(set(map(tamed, inside[0])) & set(map(tamed, inside[1])))
            return int(one.is_folder is another.is_folder and is_same(one, another))

        for x, y, name in _pairs(mine, yours, fit):
            path = _join(at, name)
            if x != y:
                paths_a[mine[x].raw] = paths_b[yours[y].raw] = path
            todo.append((_join(at_a, x), _join(at_b, y), path))
    return paths_a, paths_b


def _pairs(
    mine: _Names, yours: _Names, fit: Callable[[str, str], int]
) -> Iterator[tuple[str, str, str]]:
    """Names of one folder that are one: A's, B's, and the one that stands for both."""
    exact = {name for name in mine.keys() & yours.keys() if fit(name, name)}
    for name in exact:
        yield name, name, name
    left_a = {name: mine[name].file.is_folder for name in mine.keys() - exact}
    left_b = {name: yours[name].file.is_folder for name in yours.keys() - exact}
    # A name that stands in for one alone tells more than one that many would become.
    for become in (_as_stand_ins, _as_tamed):
        for own, held in ((left_a, left_b), (left_b, left_a)):
            for name, origins in sorted(become(own, held).items()):
                fits = {
                    origin: fit(origin, name) if own is left_a else fit(name, origin)
                    for origin in sorted(origins)
                    if origin in own
                }
                best = max(fits, key=fits.__getitem__, default="")
                if name in held and fits.get(best):
                    del own[best], held[name]
                    yield (best, name, best) if own is left_a else (name, best, best)


def _doubtful(listed: Mapping[str, Listed], only: Mapping[str, Listed]) -> set[str]:
    """Names of one side for which the other has one that stands in.

    If it has the name itself, too, that was taken when this came, and is something else.
    """
    folders = {parent(path) for path in only if may_be_stand_in(path)}
    if not folders:
        return set()
    return {
        path
        for path, one in listed.items()
        if parent(path) in folders
        and any(
            _join(parent(path), name) in only
            for name in stand_ins(path.rpartition("/")[2], is_folder=one.file.is_folder)
        )
    }


def _as_stand_ins(own: Mapping[str, bool], held: Mapping[str, bool]) -> dict[str, list[str]]:
    """The names of ``own`` by those of ``held`` that stand in for them."""
    found = defaultdict(list)
    if any(map(may_be_stand_in, held)):
        for name, is_folder in own.items():
            for other in stand_ins(name, is_folder=is_folder):
                if other in held:
                    found[other].append(name)
    return found


def _as_tamed(own: Mapping[str, bool], held: Mapping[str, bool]) -> dict[str, list[str]]:
    """The names of ``own`` by those of ``held`` that a folder would make of them."""
    found = defaultdict(list)
    for name in own if held else ():
        if (tame := tamed(name)) != name and tame in held:
            found[tame].append(name)
    return found


def _by_folder(listed: Mapping[str, Listed]) -> dict[str, _Names]:
    found: dict[str, _Names] = defaultdict(dict)
    for path, one in listed.items():
        folder, _, name = path.rpartition("/")
        found[folder][name] = one
    return found


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
