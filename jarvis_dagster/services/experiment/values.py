"""Parameters and metrics in the form that MLflow keeps.

Belongs here: pure conversion. Does not belong here: MLflow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MOST_CHARACTERS", "batches", "flat", "number"]

MOST_CHARACTERS = 5000
"""Longest value: MLflow cuts parameters at 6,000 and tags of models at 5,000."""


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested dictionaries as dotted names and text.

    Raises:
        BadInputError: a value that is not data, or too long to be kept whole.
    """
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += flat(value, f"{prefix}{name}.")
            continue
        if isinstance(value, str | int | float | bool) or value is None or isinstance(value, Path):
            text = str(value)
        else:
            try:
                text = json.dumps(value)
            except (TypeError, ValueError) as error:
                raise BadInputError(
                    f"{prefix}{name} cannot be recorded ({error}).", "Use text, numbers and lists."
                ) from error
        if len(text) > MOST_CHARACTERS:
            raise BadInputError(
                f"{prefix}{name} is {len(text)} characters long; MLflow would cut it.",
                f"Record at most {MOST_CHARACTERS}, or store it as a file.",
            )
        found.append((f"{prefix}{name}", text))
    return found


def batches(items: list[tuple[str, Any]], size: int) -> Iterator[list[tuple[str, Any]]]:
    """``items`` in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def number(name: str, value: float) -> float:
    """``value`` as a float; ``name`` is for the message."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{name} cannot be {value!r}.", "Log a number.") from error
