"""What the commands of workflows share: their service, and the input that is given to them.

Belongs here: opening the one, reading the other. Does not belong here: commands.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.workflow import JarvisWorkflowService

__all__ = ["Given", "content_of", "workflows"]

Given = Annotated[
    str, typer.Option("--input", "-i", help="Its input: JSON, or @FILE that holds JSON.")
]


@contextlib.contextmanager
def workflows() -> Iterator[JarvisWorkflowService]:
    """The service, for the length of a command."""
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    with core_services(load_settings()) as core:
        yield core.workflow_service


def content_of(given: str) -> dict[str, Any]:
    """Names and values of a JSON text, or of the file that it names.

    Raises:
        BadInputError: it is neither.
    """
    if given.startswith("@"):
        path = Path(given[1:])
        try:
            given = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(
                f"{path} cannot be read ({error}).",
                "Check that it is there, and that it may be read.",
            ) from error
    try:
        content = json.loads(given)
    except ValueError as error:
        raise BadInputError(
            f"{given[:60]!r} is not JSON ({error}).", 'As in \'{"video_key": "a/b.mp4"}\'.'
        ) from error
    if not isinstance(content, dict):
        raise BadInputError("An input is names and values.", 'As in \'{"video_key": "a/b.mp4"}\'.')
    return content
