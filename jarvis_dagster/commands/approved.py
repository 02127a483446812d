"""Delivering approved results from the command line.

Belongs here: the run. Does not belong here: options and help (``approvals``), the delivery
(``assets/delivery``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.commands.run import raise_failure, servers
from jarvis_dagster.commands.upload import dagster_instance
from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.services.approval import Approval
    from jarvis_dagster.settings import Settings

__all__ = ["deliver"]


def deliver(settings: Settings, approval: Approval, console: Console) -> None:
    """Put the results of a video into the drive, if they still are what was approved.

    Raises:
        PermanentError: they are not, or the delivery failed.
    """
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.sensors.approvals import APPROVAL_TAG
    from jarvis_dagster.stack.runs import PROCESS_TAG, this_process

    with dagster_instance(settings) as instance, servers(settings, console, False):
        result = (
            build_definitions()
            .resolve_job_def("deliver_results")
            .execute_in_process(
                instance=instance,
                partition_key=approval.subject,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                tags={APPROVAL_TAG: approval.id, PROCESS_TAG: this_process()},
                raise_on_error=False,
            )
        )
    raise_failure(result)
    if not result.get_asset_materialization_events():
        raise PermanentError(
            f"The results of {approval.subject} have changed since they were approved.",
            "They are asked anew: `jarvis approvals list`.",
        )
