"""Delivering approved results from the command line.

Belongs here: the run. Does not belong here: options and help (``approvals``), the delivery
(``assets/delivery``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.commands.run import servers
from jarvis_dagster.commands.running_here import run_here
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

    with dagster_instance(settings) as instance, servers(settings, console, False):
        result = run_here(
            build_definitions(),
            "deliver_results",
            instance,
            partition_key=approval.subject,
            tags={APPROVAL_TAG: approval.id},
        )
    if not result.get_asset_materialization_events():
        raise PermanentError(
            f"The results of {approval.subject} have changed since they were approved.",
            "They are asked anew: `jarvis approvals list`.",
        )
