"""How a run's figures were made, so that they can be made again.

Belongs here: the recipe, and recording it with code, packages and changes. Does not belong
here: following it (``reproduction.py``).
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.code_version import (
    code_version,
    installed_packages,
    uncommitted_changes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOLDER", "DataRef", "Recipe", "Tolerance", "entry_point_of", "recorded"]

FOLDER = "reproduce"
"""Where the recipe is among the run's files."""
_ENTRY_POINT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclasses.dataclass(frozen=True)
class DataRef:
    """A file that the figures depend on.

    Attributes:
        kind: ``stored`` (an id of the object store), ``object`` (a key of it, in ``bucket``)
            or ``model`` (a version of a registered model, as ``name/version``).
        name: The file's name, which may say what it is.
    """

    kind: str
    id: str
    sha256: str
    name: str
    bucket: str = ""


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far a figure may be from the recorded one: absolute, plus a share of it."""

    absolute: float = 1e-6
    relative: float = 0.0

    def allows(self, recorded: float, again: float) -> bool:
        """Whether ``again`` is near enough."""
        return abs(again - recorded) <= self.absolute + self.relative * abs(recorded)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes the figures again.

    Attributes:
        entry_point: ``package.module:function``; it takes ``arguments`` and returns figures
            by name.
        arguments: JSON. ``{"$data": NAME}`` stands for the path of a file of ``data``, and
            ``{"$folder": NAME}`` for an empty folder.
        seeds: Of ``python``, ``numpy`` and ``torch``; set before the entry point is imported.
        tolerance: Of all figures but those in ``tolerances``.
    """

    entry_point: str
    arguments: dict[str, Any]
    data: dict[str, DataRef] = dataclasses.field(default_factory=dict)
    seeds: dict[str, int] = dataclasses.field(default_factory=dict)
    tolerance: Tolerance = dataclasses.field(default_factory=Tolerance)
    tolerances: dict[str, Tolerance] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Recipe:
        """From a document."""
        return cls(
            entry_point=content["entry_point"],
            arguments=dict(content["arguments"]),
            data={name: DataRef(**ref) for name, ref in content["data"].items()},
            seeds=dict(content["seeds"]),
            tolerance=Tolerance(**content["tolerance"]),
            tolerances={k: Tolerance(**v) for k, v in content["tolerances"].items()},
        )


def entry_point_of(text: str) -> Any:
    """The function that an entry point names.

    Raises:
        BadInputError: there is none.
    """
    module, _, name = text.partition(":")
    if _ENTRY_POINT.fullmatch(text):
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            found = None
        if callable(found):
            return found
    raise BadInputError(f"{text[:200]!r} is not an entry point.", "Write package.module:function.")


def recorded(recipe: Recipe) -> tuple[dict[str, Any], str]:
    """The document of a recipe made now, and the uncommitted changes of the code as a patch.

    Raises:
        BadInputError: the entry point does not exist.
    """
    entry_point_of(recipe.entry_point)
    code = code_version()
    document = {
        "recipe": recipe.to_json(),
        "code": code.to_json(),
        "packages": installed_packages(),
    }
    return document, uncommitted_changes() if code.dirty else ""
