"""Runs of Dagster in the process of a command.

Belongs here: running a job so that it is known as this process's, and what its failure says to
people. Does not belong here: which job, and what follows (each command says that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg

__all__ = ["run_here"]


def run_here(
    definitions: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    *,
    tags: Mapping[str, str] | None = None,
    ops: Mapping[str, Any] | None = None,
    **more: Any,
) -> dg.ExecuteInProcessResult:
    """Run a job to its end; its events.

    Args:
        tags: Of the run, beside that of this process.
        ops: The config of its steps.
        more: For ``execute_in_process``: a partition, a selection.

    Raises:
        PermanentError: a step failed; the message is its own.
        JarvisError: something broke.
    """
    from jarvis_dagster.stack.runs import PROCESS_TAG, this_process

    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if ops is not None:
        config["ops"] = dict(ops)
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config=config,
        tags={**(tags or {}), PROCESS_TAG: this_process()},
        raise_on_error=False,
        **more,
    )
    _raise_failure(result)
    return result


def _raise_failure(result: Any) -> None:
    """Say in one line what a failed step said."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None:
            raise PermanentError(failure.description or "A step failed.")
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        message = error.message.strip().splitlines()[0] if error is not None else "no message"
        raise JarvisError(
            f"{event.step_key} failed: {message}", "Run again with -v to see where it happened."
        )
    if not result.success:
        raise JarvisError("The run did not finish.", "Its log is in the Dagster UI (`jarvis up`).")
