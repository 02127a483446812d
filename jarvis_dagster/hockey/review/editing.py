"""A person's corrections file, changed without touching the rest of it.

Belongs here: where entries go in the text, and which lines one takes. Does not belong
here: what entries say (``corrections``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.corrections import (
    CORRECTIONS_NAME,
    Correction,
    write_entries,
)
from jarvis_dagster.hockey.review.entries import parse_corrections

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BEGINNING", "with_entries", "without"]

BEGINNING = """\
# What is otherwise in this video. Jarvis reads this file and makes the results again.
# docs/review.md of Jarvis lists what an entry may say.
corrections:
"""


def with_entries(text: str, new: Sequence[Correction]) -> str:
    """The text of a corrections file with further entries at its end.

    Raises:
        BadInputError: the file is written in a way that entries cannot be added to.
    """
    before = parse_corrections(text)
    node = _sequence(text)
    entries = write_entries(new)
    if node is None or not node.value:
        comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
        head = "\n".join([*comments, "corrections:\n"]) if comments else BEGINNING
        made = head + entries
    elif node.flow_style:
        raise BadInputError(
            f"{CORRECTIONS_NAME} has its corrections in one line, [...].",
            "Write each on a line of its own that begins with a dash.",
        )
    else:
        indent = " " * node.start_mark.column
        made = (
            text.rstrip("\n") + "\n" + "".join(indent + line for line in entries.splitlines(True))
        )
    if len(parse_corrections(made)) != len(before) + len(new):
        raise BadInputError(
            f"{CORRECTIONS_NAME} has something behind its list of corrections.",
            "Move the list to the end of the file.",
        )
    return made


def without(text: str, line: int) -> tuple[str, list[Correction]]:
    """The text without the entry that begins in ``line``, and what that entry said."""
    said = [one for one in parse_corrections(text) if one.line == line]
    node = _sequence(text)
    entry = next(
        (one for one in (node.value if node else ()) if one.start_mark.line + 1 == line), None
    )
    if node is None or entry is None or node.flow_style:
        raise BadInputError(
            f"{CORRECTIONS_NAME}, line {line} cannot be taken out by a program.",
            "Take it out with an editor.",
        )
    lines = text.splitlines(keepends=True)
    end = entry.end_mark.line + (1 if entry.end_mark.column > node.start_mark.column else 0)
    return "".join(lines[: line - 1] + lines[max(end, line) :]), said


def _sequence(text: str) -> yaml.SequenceNode | None:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(node, yaml.MappingNode):
        node = next((value for key, value in node.value if key.value == "corrections"), None)
    return node if isinstance(node, yaml.SequenceNode) else None
