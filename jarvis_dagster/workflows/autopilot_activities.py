"""The activities of ``autonomous-hockey-analysis``: the Autopilot's steps with a heartbeat.

Belongs here: calling them. Does not belong here: what they do (``autopilot/pilot``), the order
(``autopilot.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import CancelledError

from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.autopilot import Pilot

__all__ = ["AutopilotActivities"]

_TOLD = ("camera", "number", "at", "action", "outcome", "why")


class AutopilotActivities:
    """The steps.

    Args:
        pilot: Makes the Autopilot from settings and services; called once a step with what hears
            of its progress.
    """

    def __init__(self, pilot: Callable[[Callable[[str, int, int], None]], Pilot]) -> None:
        self._pilot = pilot

    @property
    def vision(self) -> list[Callable[..., Any]]:
        """Those that look at pictures."""
        return [self.collect, self.search]

    @property
    def io(self) -> list[Callable[..., Any]]:
        """Those that read and write documents."""
        return [self.analyse, self.act]

    @activity.defn(name="autopilot_collect")
    def collect(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - as all steps
        """Read what is new."""
        return self._run(lambda pilot: pilot.collect())

    @activity.defn(name="autopilot_analyse")
    def analyse(self, given: dict[str, Any]) -> dict[str, Any]:
        """How a camera stands, and what to do."""
        return self._run(lambda pilot: pilot.analyse(given["camera"], given["cycle"]))

    @activity.defn(name="autopilot_search")
    def search(self, given: dict[str, Any]) -> dict[str, Any]:
        """Look for better parameters, and judge them."""
        return self._run(lambda pilot: pilot.search(given))

    @activity.defn(name="autopilot_act")
    def act(self, given: dict[str, Any]) -> dict[str, Any]:
        """Do what was decided; what is told of it is short, the record is in the store."""
        decision = self._run(
            lambda pilot: pilot.act(given["analysed"], given["tried"], given.get("waiter"))
        )
        return {key: decision[key] for key in _TOLD}

    def _run(self, step: Callable[[Pilot], dict[str, Any]]) -> dict[str, Any]:
        with failures_for_temporal(), Heart() as heart:
            cancelled = activity.is_cancelled

            def progress(_what: str, done: int, total: int) -> None:
                heart.progress(done, total)
                if cancelled():  # a thread is not stopped from outside
                    raise CancelledError("The step was cancelled.")

            return step(self._pilot(progress))
