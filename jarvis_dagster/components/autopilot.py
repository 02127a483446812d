"""Autopilot: watches how well videos are seen, and adapts.

Belongs here: the component on top of the core services. Does not belong here: what is measured and
decided (``hockey/adaptation``, ``autopilot``), the workflow that loops (``workflows/autopilot``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Autopilot"]

_KEY = "main"
_KNOWN = ("look_every_s", "cameras", "rounds")


class Autopilot(TSAIComponent):
    """The autonomous loop of an installation; there is one."""

    workflow_id = f"autonomous-hockey-analysis-{_KEY}"

    def __init__(self, jarvis_core: JarvisCoreServices) -> None:
        super().__init__("autopilot", jarvis_core)

    def autonomous_hockey_analysis(self, config: Mapping[str, Any] | None = None) -> str:
        """Start the loop, or find the one that runs: collect, analyse, decide, act, for ever.

        Below the performance of the settings (0.8) it adapts parameters within bounds, and counts
        ``autonomous_adaptation``.

        Args:
            config: Maybe ``look_every_s``, ``cameras`` (only these) and ``rounds`` (how many;
                without it the loop ends when it is cancelled).

        Returns:
            The workflow's id.

        Raises:
            BadInputError: an unknown key.
        """
        config = dict(config or {})
        unknown = sorted(set(config) - set(_KNOWN))
        if unknown:
            raise BadInputError(
                f"The Autopilot knows no {', '.join(unknown)}.", f"Use {', '.join(_KNOWN)}."
            )
        return self.jarvis_core.workflow_service.start_workflow(
            "autonomous-hockey-analysis", config, self.component_name, key=_KEY
        )

    def pause(self, by: str) -> None:
        """Begin nothing more; what is begun is finished."""
        self.jarvis_core.workflow_service.signal_workflow(self.workflow_id, "pause", by)

    def resume(self, by: str) -> None:
        """Go on."""
        self.jarvis_core.workflow_service.signal_workflow(self.workflow_id, "resume", by)

    def look(self) -> None:
        """Begin the next round now."""
        self.jarvis_core.workflow_service.signal_workflow(self.workflow_id, "look")

    def state(self) -> dict[str, Any]:
        """What the loop does; see the query ``state`` of the workflow."""
        found: dict[str, Any] = self.jarvis_core.workflow_service.query_workflow(
            self.workflow_id, "state"
        )
        return found
