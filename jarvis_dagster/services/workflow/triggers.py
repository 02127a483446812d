"""Workflows that start when something happens.

Belongs here: from an event to the workflows that the settings name for it, as pure functions.
Does not belong here: who tells of events (sensors, components, ``jarvis workflow event``).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.workflow.names import request_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jarvis_dagster.services.workflow.config import TriggerConfig
    from jarvis_dagster.services.workflow.names import Request

__all__ = ["requests_of"]

_WHOLE = re.compile(r"\{(\w+)\}")


def requests_of(
    triggers: Iterable[TriggerConfig], event: str, data: Mapping[str, Any]
) -> list[Request]:
    """What an event starts.

    Raises:
        BadInputError: a trigger needs what ``data`` does not tell.
    """
    return [
        request_of(trigger.workflow, _filled(trigger, event, data))
        for trigger in triggers
        if fnmatchcase(event, trigger.event) and _fits(trigger, data)
    ]


def _filled(trigger: TriggerConfig, event: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a trigger's workflow: ``{name}`` is what the event tells under that name."""

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [fill(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = _WHOLE.fullmatch(value)
        if whole:  # keeps its type
            return told(whole[1])
        return _WHOLE.sub(lambda match: str(told(match[1])), value)

    def told(name: str) -> Any:
        if name not in data:
            raise BadInputError(
                f"The event {event} tells no {name!r}, which workflow.triggers needs for "
                f"{trigger.workflow}.",
                f"It tells: {', '.join(sorted(data)) or 'nothing'}.",
            )
        return data[name]

    content: dict[str, Any] = fill(trigger.input)
    return content


def _fits(trigger: TriggerConfig, data: Mapping[str, Any]) -> bool:
    return all(
        fnmatchcase(str(data.get(name, "")), pattern) for name, pattern in trigger.where.items()
    )
