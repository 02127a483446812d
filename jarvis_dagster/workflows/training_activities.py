"""The activities of ``hockey-detection``: the steps of the Toolchain with a heartbeat.

Belongs here: calling them. Does not belong here: what they do (``toolchain/pipeline``), the
order (``training.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import CancelledError

from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.toolchain.pipeline import Workshop

__all__ = ["TrainingActivities"]


class TrainingActivities:
    """The four steps.

    Args:
        workshop: Makes the services and folders; called once a step.
    """

    def __init__(self, workshop: Callable[[], Workshop]) -> None:
        self._workshop = workshop

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities."""
        return [self.data_preparation, self.training, self.evaluation, self.deployment]

    @activity.defn(name="data_preparation")
    def data_preparation(self, content: dict[str, Any]) -> dict[str, Any]:
        """Fetch, check and split the dataset."""
        return self._step("data_preparation", content)

    @activity.defn(name="training")
    def training(self, content: dict[str, Any]) -> dict[str, Any]:
        """Train, from the last checkpoint where there is one."""
        return self._step("training", content)

    @activity.defn(name="evaluation")
    def evaluation(self, content: dict[str, Any]) -> dict[str, Any]:
        """Measure the model and what is in use now."""
        return self._step("evaluation", content)

    @activity.defn(name="deployment")
    def deployment(self, content: dict[str, Any]) -> dict[str, Any]:
        """Register the challenger."""
        return self._step("deployment", content)

    def _step(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        with failures_for_temporal(), Heart() as heart:
            cancelled = activity.is_cancelled

            def progress(done: int, total: int) -> None:
                heart.progress(done, total)
                if cancelled():  # a thread is not stopped from outside
                    raise CancelledError("The training was cancelled.")

            shop = dataclasses.replace(self._workshop(), progress=progress, who="workflow")
            result: dict[str, Any] = getattr(shop, name)(content)
            return result
