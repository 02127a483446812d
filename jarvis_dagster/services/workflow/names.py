"""The workflows that there are, and what makes two requests the same work.

Belongs here: names and ids. Does not belong here: what a workflow does
(``jarvis_dagster/workflows``), calls to Temporal.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "WORKFLOWS", "Request", "queue_of", "request_of"]

WORKFLOWS = (
    "approval",
    "autonomous-hockey-analysis",
    "computer-vision",
    "hockey-detection",
    "video-detection",
)
"""The workflows that the workers of this version serve."""

KINDS = ("vision", "training", "io")
"""The kinds of work; each has a task queue and workers of its own, or shares a worker."""

_KEY = re.compile(r"[\w][\w\-.:@]{0,200}")


@dataclasses.dataclass(frozen=True)
class Request:
    """A workflow to start: its name, its input as plain JSON values, and its id."""

    workflow: str
    input_data: dict[str, Any]
    id: str


def queue_of(task_queue: str, kind: str) -> str:
    """The task queue of a kind of work."""
    return f"{task_queue}-{kind}"


def request_of(
    workflow_name: str, input_data: Mapping[str, Any], key: str | None = None
) -> Request:
    """The request; the same input has the same id, in whatever order its keys come.

    Args:
        key: What makes two requests the same work, in place of the whole input.

    Raises:
        NotSupportedError: no worker of this version serves that name.
        BadInputError: the input is not JSON, or the key is none.
    """
    if workflow_name not in WORKFLOWS:
        raise NotSupportedError(
            f"There is no workflow {workflow_name!r}.", f"There are: {', '.join(WORKFLOWS)}."
        )
    try:
        content = json.dumps(dict(input_data), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"The input of {workflow_name} is not JSON ({error}).",
            "Use text, finite numbers, lists and dictionaries.",
        ) from error
    if key is not None and not _KEY.fullmatch(key):
        raise BadInputError(
            f"{key!r} cannot name a workflow.", "Use letters, digits, - . : @ and _, at most 200."
        )
    last = key if key is not None else hashlib.sha256(content.encode()).hexdigest()[:16]
    return Request(workflow_name, json.loads(content), f"{workflow_name}-{last}")
