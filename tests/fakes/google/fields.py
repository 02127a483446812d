"""The ``fields`` parameter: which parts of an answer are wanted.

Belongs here: its grammar, and cutting an answer down. Does not belong here:
what is sent when nobody asks (``defaults`` of each call).
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.google.errors import ApiError

__all__ = ["Mask", "parse_fields", "project"]

Mask = dict[str, "Mask"]
"""Names and what is wanted below; empty is everything."""

_TOKEN = re.compile(r"[A-Za-z0-9_*]+|[(),/]")


def parse_fields(text: str) -> Mask:
    """The mask of a ``fields`` value such as ``a,b(c,d/e)``."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text or not tokens:
        raise _invalid(text)
    mask, rest = _selection(tokens, text)
    if rest:
        raise _invalid(text)
    return mask


def project(value: Any, mask: Mask) -> Any:
    """Only what the mask names."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [project(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: project(value[key], below) for key, below in mask.items() if key in value}


def _selection(tokens: list[str], text: str) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        if not tokens or tokens[0] in "(),/":
            raise _invalid(text)
        name, tokens = tokens[0], tokens[1:]
        below = mask.setdefault(name, {})
        while tokens and tokens[0] == "/":
            name, tokens = tokens[1], tokens[2:]
            below = below.setdefault(name, {})
        if tokens and tokens[0] == "(":
            inner, tokens = _selection(tokens[1:], text)
            if not tokens or tokens[0] != ")":
                raise _invalid(text)
            below.update(inner)
            tokens = tokens[1:]
        if not tokens or tokens[0] != ",":
            return mask, tokens
        tokens = tokens[1:]


def _invalid(text: str) -> ApiError:
    return ApiError(400, "invalidParameter", f"Invalid field selection {text}")
