"""Parameters and metrics in the form that MLflow keeps.

Belongs here: pure conversion. Does not belong here: MLflow.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MOST_CHARACTERS", "batches", "finite", "flat", "metric_name", "number"]

MOST_CHARACTERS = 5000
"""Longest value: MLflow cuts parameters at 6,000 and tags of models at 5,000."""
_NAME = re.compile(r"[/\w.\- :]{1,250}")


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


def finite(value: float) -> float | None:
    """A value that MLflow gave back; None where it was no finite number.

    MLflow keeps an infinite metric as the largest number there is.
    """
    return None if math.isnan(value) or abs(value) >= sys.float_info.max else value


def metric_name(name: str) -> str:
    """``name``, if MLflow keeps a metric under it.

    Told at once: within a batch, a wrong name would lose the others.

    Raises:
        BadInputError: it would not.
    """
    is_path = posixpath.normpath(name) == name and not name.startswith(("/", "."))
    if not (is_path and _NAME.fullmatch(name)):
        raise BadInputError(
            f"{name[:80]!r} cannot be the name of a metric.",
            "Use letters, digits, spaces and _ - . / : in at most 250 characters.",
        )
    return name
