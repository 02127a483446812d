"""Workflows that start when something happens.

Belongs here: from an event to the workflows that the settings name for it. Does not belong
here: who tells of events (sensors, components, ``jarvis workflow event``).
"""

from __future__ import annotations

import abc
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.workflow.names import Request, request_of
from jarvis_dagster.services.workflow.scheduling import Scheduling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.workflow.config import TriggerConfig

__all__ = ["Triggers", "filled"]

_WHOLE = re.compile(r"\{(\w+)\}")


class Triggers(Scheduling):
    """Events and what they start."""

    def handle_event(
        self, event: str, data: Mapping[str, Any], component: str | None = None
    ) -> list[str]:
        """Start the workflows that ``workflow.triggers`` names for an event.

        The same event with the same data, told twice, starts nothing twice.

        Args:
            event: What happened: ``results_delivered``.
            data: What is known of it, by name; inputs of workflows are filled from it.

        Returns:
            The ids of the workflows; none where no trigger is for this event.

        Raises:
            BadInputError: a trigger needs what ``data`` does not tell. Nothing was started.
        """
        requests = [
            request_of(trigger.workflow, filled(trigger, event, data))
            for trigger in self.config.triggers
            if fnmatchcase(event, trigger.event) and _fits(trigger, data)
        ]
        return [self._start(request, component) for request in requests]

    @abc.abstractmethod
    def _start(self, request: Request, component: str | None) -> str:
        """Start a workflow; its id."""


def filled(trigger: TriggerConfig, event: str, data: Mapping[str, Any]) -> dict[str, Any]:
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
