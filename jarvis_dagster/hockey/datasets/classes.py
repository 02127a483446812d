"""Class names of labelling tools to the project's classes.

Belongs here: the default names, the mapping file. Does not belong here: class numbers of a
format.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import GOAL_NAMES, NAME_TO_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["KNOWN", "ClassMap", "read_class_map"]

KNOWN = ("player", "goalkeeper", "referee", "puck", "goal")
"""The classes that Jarvis learns from, in the order of a written dataset."""

_DEFAULT = {**NAME_TO_CLASS, **dict.fromkeys(GOAL_NAMES, "goal")}
_TARGET = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclasses.dataclass(frozen=True)
class ClassMap:
    """Source name to class; None leaves the boxes out."""

    given: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """What a person wrote, by name in lower case; everything else goes by the usual names."""

    def __call__(self, name: str) -> str | None:
        """The class of a source name, or None where it is left out."""
        plain = name.strip().lower()
        if plain in self.given:
            return self.given[plain]
        return _DEFAULT.get(plain.replace(" ", "_").replace("-", "_"))

    def classes(self, names: Iterable[str]) -> tuple[str, ...]:
        """The classes that these names come to, the known ones first.

        Raises:
            BadInputError: none of them is known.
        """
        names = list(names)
        found = {kind for kind in map(self, names) if kind}
        if not found:
            listed = ", ".join(sorted(set(names))[:20]) or "none"
            raise BadInputError(
                f"No class of the labels is known; they are: {listed}.",
                "Map them by a file classes.yaml, as in `goalie: goalkeeper`.",
            )
        extra = sorted(found - set(KNOWN))
        return tuple(kind for kind in KNOWN if kind in found) + tuple(extra)


def read_class_map(path: Path) -> ClassMap:
    """Read ``classes.yaml``: a line a name, ``name: class``, or ``name: ~`` to leave it out.

    Raises:
        BadInputError: not such a file; the message names the line's key.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(
            f"{path} cannot be read as YAML ({str(error).splitlines()[0]}).",
            "Write a line a name, as in `goalie: goalkeeper`.",
        ) from error
    if not isinstance(content, dict):
        raise BadInputError(
            f"{path} holds no names.", "Write a line a name, as in `goalie: goalkeeper`."
        )
    given: dict[str, str | None] = {}
    for name, kind in content.items():
        if kind is not None and not (isinstance(kind, str) and _TARGET.fullmatch(kind)):
            raise BadInputError(
                f"{path}: {name!r} is mapped to {kind!r}, which is no class.",
                f"Use one of {', '.join(KNOWN)}, another name of small letters, or ~.",
            )
        given[str(name).strip().lower()] = kind
    return ClassMap(given)
