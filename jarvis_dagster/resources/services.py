"""The core services as resources."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jarvis_dagster.services.analytics import JarvisAnalyticsService
    from jarvis_dagster.services.approval import JarvisApprovalService
    from jarvis_dagster.services.client_storage import JarvisClientStorageService
    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.experiment.run_log import RunLog
    from jarvis_dagster.services.notification import JarvisNotificationService
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow import JarvisWorkflowService

__all__ = [
    "EXPERIMENT_TAG",
    "RUN_TAG",
    "AnalyticsResource",
    "ApprovalResource",
    "ClientStorageResource",
    "ExperimentResource",
    "NotificationResource",
    "StorageResource",
    "WorkflowResource",
    "identity_of",
]

EXPERIMENT_TAG = "jarvis/experiment"
"""The tag of a run in Dagster that has a run in MLflow."""
RUN_TAG = "dagster.run_id"
"""The tag of a run in MLflow that names the (first) run of Dagster."""


class StorageResource(JarvisResource):
    """Hands out the storage service."""

    @property
    def service(self) -> JarvisStorageService:
        """Artifacts, models and files in the object store."""
        return self.core.storage_service


class ClientStorageResource(JarvisResource):
    """Hands out the client storage service."""

    @property
    def service(self) -> JarvisClientStorageService:
        """The cloud drives."""
        return self.core.client_storage_service


class ExperimentResource(JarvisResource):
    """Hands out the experiment service."""

    @property
    def service(self) -> JarvisExperimentService:
        """Experiments and models in MLflow."""
        return self.core.experiment_service

    @contextlib.contextmanager
    def run(
        self,
        context: dg.AssetExecutionContext,
        experiment_name: str,
        parameters: Mapping[str, Any] | None = None,
    ) -> Iterator[RunLog]:
        """The run of MLflow that belongs to this materialisation.

        Tried again by Dagster, a step or a whole run goes on with the same run of MLflow. Its
        page is in the asset's metadata.
        """
        identity = identity_of(context)
        context.instance.add_run_tags(context.run.run_id, {EXPERIMENT_TAG: experiment_name})
        with self.service.run(
            experiment_name,
            parameters,
            name=f"{identity['dagster.asset']} {identity['dagster.partition']}".strip(),
            identity=identity,
            component=identity["dagster.asset"].split("/", 1)[0],
        ) as log:
            shown = self.service.url_of(log.run_id)
            is_page = shown.startswith("http")
            context.add_output_metadata(
                {"mlflow_run": dg.MetadataValue.url(shown) if is_page else shown}
            )
            yield log


class WorkflowResource(JarvisResource):
    """Hands out the workflow service."""

    @property
    def service(self) -> JarvisWorkflowService:
        """Durable workflows in Temporal."""
        return self.core.workflow_service


class AnalyticsResource(JarvisResource):
    """Hands out the analytics service."""

    @property
    def service(self) -> JarvisAnalyticsService:
        """Metrics, dashboards and alerts."""
        return self.core.analytics_service


def identity_of(context: dg.AssetExecutionContext) -> dict[str, str]:
    """What a materialisation and its retries have in common."""
    return {
        RUN_TAG: context.run.root_run_id or context.run.run_id,
        "dagster.asset": context.asset_key.to_user_string(),
        "dagster.partition": context.partition_key if context.has_partition_key else "",
    }


class NotificationResource(JarvisResource):
    """Hands out the notification service."""

    @property
    def service(self) -> JarvisNotificationService:
        """Messages to people."""
        return self.core.notification_service


class ApprovalResource(JarvisResource):
    """Hands out the approval service."""

    @property
    def service(self) -> JarvisApprovalService:
        """What waits until a person says yes."""
        return self.core.approval_service
