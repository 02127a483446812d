"""The activity ``dagster_run``: a run of Dagster, launched once and followed to its end.

Belongs here: waiting, and what a cancelled workflow means for the run. Does not belong here: the
API (``dagster_api.py``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from temporalio import activity

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal, hand_back
from jarvis_dagster.workflows.dagster_api import Dagster

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DagsterActivities"]

_LOOK_EVERY_S = 2.0


class DagsterActivities:
    """What workflows ask of Dagster.

    Args:
        url: Of the webserver.
        every_s: Seconds between two looks at a run.
    """

    def __init__(self, url: str, every_s: float = _LOOK_EVERY_S) -> None:
        self._url = url
        self._every_s = every_s

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities."""
        return [self.run]

    # Not ended from outside: it has to end the run of Dagster first.
    @activity.defn(name="dagster_run", no_thread_cancel_exception=True)
    def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """Run ``job`` (for ``partition``, with the run's ``config``, if given) to its end.

        A worker that takes this up follows the run that is there already. A cancelled workflow
        cancels the run.

        Returns:
            ``run_id``, ``url``, ``job``, ``seconds`` and ``frames`` (0).

        Raises:
            PermanentError: the run failed; Dagster has tried again what can be.
        """
        began = time.monotonic()
        with failures_for_temporal(), Heart():
            info, dagster = activity.info(), Dagster(self._url)
            # The run of the workflow is part of it: one that failed and is asked again, is again.
            mark = f"{info.workflow_id} {info.workflow_run_id} {info.activity_id}"
            tags = {"jarvis/workflow_id": str(info.workflow_id)}
            if given.get("partition"):
                tags["dagster/partition"] = given["partition"]
            run = dagster.launch(given["job"], tags, mark, given.get("config"))
            while not run.is_over:
                if activity.is_cancelled() and not activity.is_worker_shutdown():
                    dagster.end(run.id)
                hand_back()
                time.sleep(self._every_s)
                run = dagster.look(run.id)
            url = f"{self._url.rstrip('/')}/runs/{run.id}"
            if run.status != "SUCCESS":
                raise PermanentError(
                    f"The run {run.id} of {given['job']} ended as {run.status}.", f"See {url}."
                )
        return {
            "run_id": run.id,
            "url": url,
            "job": given["job"],
            "seconds": time.monotonic() - began,
            "frames": 0,
        }
