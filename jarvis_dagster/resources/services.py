"""The core services as resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.analytics import JarvisAnalyticsService
    from jarvis_dagster.services.client_storage import JarvisClientStorageService
    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow import JarvisWorkflowService

__all__ = [
    "AnalyticsResource",
    "ClientStorageResource",
    "ExperimentResource",
    "StorageResource",
    "WorkflowResource",
]


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
