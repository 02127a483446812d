"""Runs of MLflow whose process was killed: ended when Dagster sees that its run is over.

Belongs here: the two sensors. Does not belong here: how a run ends by itself
(``services/experiment``).
"""

from __future__ import annotations

import dagster as dg

from jarvis_dagster.resources.services import EXPERIMENT_TAG, RUN_TAG, ExperimentResource
from jarvis_dagster.sensors.ended_runs import for_each_run

__all__ = ["end_canceled_experiments", "end_experiments", "end_failed_experiments"]


def end_experiments(context: dg.RunStatusSensorContext, experiments: ExperimentResource) -> None:
    """End what a run left open: a process that was killed could not do it itself."""
    run = context.dagster_run
    if EXPERIMENT_TAG not in run.tags:
        return
    status = "KILLED" if run.status is dg.DagsterRunStatus.CANCELED else "FAILED"
    ended = experiments.service.end_runs_of(RUN_TAG, run.root_run_id or run.run_id, status)
    for run_id in ended:
        context.log.info(f"Ended the run {run_id} of MLflow as {status}.")


end_failed_experiments = for_each_run(
    end_experiments,
    name="end_failed_experiments",
    status=dg.DagsterRunStatus.FAILURE,
    resource="experiments",
    component="toolchain",
    description="Ends the MLflow runs that a failed run of Dagster left open, as FAILED.",
)
end_canceled_experiments = for_each_run(
    end_experiments,
    name="end_canceled_experiments",
    status=dg.DagsterRunStatus.CANCELED,
    resource="experiments",
    component="toolchain",
    description="Ends the MLflow runs that a canceled run of Dagster left open, as KILLED.",
)
