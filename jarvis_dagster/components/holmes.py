"""Holmes: the media catalogue, and moments over all games.

Belongs here: the component on top of the core services. Does not belong here: reports of teams and
weeks (``reporting``), questions in words (``watson``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.components.catalogue import game_keys, read_report

if TYPE_CHECKING:
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Holmes"]


class Holmes(TSAIComponent):
    """Knows every analysed game."""

    def __init__(self, jarvis_core: JarvisCoreServices) -> None:
        super().__init__("holmes", jarvis_core)

    def media_catalogue(self, text: str = "") -> list[dict[str, Any]]:
        """The analysed games whose name holds ``text``, in the order of their names.

        Returns:
            One dict each: ``key``, ``video`` (its name), ``sha256``, ``duration_s``, ``events``
            and ``highlights`` (numbers), ``grades`` (trust by kind of statistic),
            ``not_supported`` (reasons by kind of event), ``summary``.
        """
        return [
            _entry(key, read_report(self.jarvis_core, key))
            for key in game_keys(self.jarvis_core)
            if text.casefold() in key.casefold()
        ]

    def find_moments(
        self, event_type: str, *, least_confidence: float = 0.0, text: str = ""
    ) -> list[dict[str, Any]]:
        """Every event of a type in all games, the surest first; the fields of the report's events.

        Args:
            least_confidence: 0 to 1.
            text: Only games whose name holds it.

        Returns:
            The events, each with ``key`` and ``video`` of its game.

        Raises:
            BadInputError: there is no such type.
        """
        from jarvis_dagster.errors import BadInputError
        from jarvis_dagster.hockey.events import EVENT_TYPES

        if event_type not in EVENT_TYPES:
            raise BadInputError(
                f"There are no events of the type {event_type!r}.",
                f"There are: {', '.join(sorted(EVENT_TYPES))}.",
            )
        found = []
        for key in game_keys(self.jarvis_core):
            if text.casefold() not in key.casefold():
                continue
            report = read_report(self.jarvis_core, key)
            found += [
                {"key": key, "video": report["video"]["name"], **event}
                for event in report["events"]
                if event["type"] == event_type and event["confidence"] >= least_confidence
            ]
        return sorted(found, key=lambda one: (-one["confidence"], one["key"], one["start_s"]))


def _entry(key: str, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": key,
        "video": report["video"]["name"],
        "sha256": report["provenance"]["video_sha256"],
        "duration_s": report["video"]["duration_s"],
        "events": len(report["events"]),
        "highlights": len(report["highlights"]),
        "grades": {name: one["grade"] for name, one in report["preflight"]["grades"].items()},
        "not_supported": report["not_supported"],
        "summary": report["summary"],
    }
