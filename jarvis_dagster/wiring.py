"""Which server each service speaks to.

Belongs here: services made from settings, where an empty section means the
embedded server. Does not belong here: Dagster (``build.py`` wires that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.inbox import Inbox
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["core_services", "inbox_of", "with_embedded"]


def with_embedded(settings: Settings) -> Settings:
    """The settings with every empty section filled in by the embedded stack's server."""
    from jarvis_dagster.services.analytics.config import AnalyticsConfig
    from jarvis_dagster.services.client_storage.config import ClientStorageConfig, LocalDriveConfig
    from jarvis_dagster.services.experiment.config import ExperimentConfig
    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.workflow.config import WorkflowConfig
    from jarvis_dagster.stack import endpoints

    at = endpoints(settings.stack)
    data = settings.data_dir
    filled = {
        "storage": StorageConfig(
            endpoint=at.object_store, access_key=at.access_key, secret_key=at.secret_key
        ),
        "client_storage": ClientStorageConfig(
            drives={"local": LocalDriveConfig(root=data / "drive")}, import_dir=data / "imports"
        ),
        "experiment": ExperimentConfig(tracking_uri=at.mlflow_uri),
        "workflow": WorkflowConfig(address=at.temporal_address),
        "analytics": AnalyticsConfig(directory=data / "metrics"),
    }
    missing = {name: value for name, value in filled.items() if getattr(settings, name) is None}
    return settings.model_copy(update=missing)


def core_services(settings: Settings) -> JarvisCoreServices:
    """The core services of these settings; none of them connects yet."""
    from jarvis_dagster.services.core import JarvisCoreServices

    full = with_embedded(settings)
    return JarvisCoreServices(
        storage=full.storage,
        client_storage=full.client_storage,
        experiment=full.experiment,
        workflow=full.workflow,
        analytics=full.analytics,
    )


def inbox_of(settings: Settings) -> Inbox:
    """The folders of the watched drive."""
    from jarvis_dagster.services.client_storage.inbox import Inbox

    service = core_services(settings).client_storage_service
    return Inbox(service, settings.drive.name, settings.drive.root)
