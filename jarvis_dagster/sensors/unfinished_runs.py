"""Runs of MLflow whose process was killed: ended when Dagster sees that its run is over.

Belongs here: the two sensors. Does not belong here: how a run ends by itself
(``services/experiment``).
"""

from __future__ import annotations

import dagster as dg

from jarvis_dagster.errors import TransientError
from jarvis_dagster.resources.services import EXPERIMENT_TAG, RUN_TAG, ExperimentResource

__all__ = ["end_canceled_experiments", "end_failed_experiments"]


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the MLflow runs that a failed run of Dagster left open, as FAILED.",
)
def end_failed_experiments(
    context: dg.RunStatusSensorContext, experiments: ExperimentResource
) -> None:
    """A process that was killed could not say so itself."""
    _end(context, experiments, "FAILED")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the MLflow runs that a canceled run of Dagster left open, as KILLED.",
)
def end_canceled_experiments(
    context: dg.RunStatusSensorContext, experiments: ExperimentResource
) -> None:
    """A process that was killed could not say so itself."""
    _end(context, experiments, "KILLED")


def _end(context: dg.RunStatusSensorContext, experiments: ExperimentResource, status: str) -> None:
    run = context.dagster_run
    if EXPERIMENT_TAG not in run.tags:
        return
    try:
        ended = experiments.service.end_runs_of(RUN_TAG, run.root_run_id or run.run_id, status)
    except TransientError as error:
        context.log.warning(f"{error} The runs of MLflow stay open.")
        return
    for run_id in ended:
        context.log.info(f"Ended the run {run_id} of MLflow as {status}.")
