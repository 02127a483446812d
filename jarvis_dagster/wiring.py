"""Which server each service speaks to.

Belongs here: services made from settings, where an empty section means the
embedded server. Does not belong here: Dagster (``build.py`` wires that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.backup import JarvisBackupService
    from jarvis_dagster.services.backup.places import Place
    from jarvis_dagster.services.client_storage.inbox import Inbox
    from jarvis_dagster.services.client_storage.search import SearchIndex
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["backup_service", "core_services", "inbox_of", "search_index", "with_embedded"]


def with_embedded(settings: Settings) -> Settings:
    """The settings with every empty section filled in by the embedded stack's server."""
    from jarvis_dagster.gateway.addresses import addresses
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
    if settings.workflow is not None and "address" not in settings.workflow.model_fields_set:
        missing["workflow"] = settings.workflow.model_copy(update={"address": at.temporal_address})
    if settings.notification.directory is None:
        missing["notification"] = settings.notification.model_copy(update={"directory": data})
    if settings.security.directory is None:
        missing["security"] = settings.security.model_copy(update={"directory": data / "security"})
    approvals = settings.approvals
    missing["approvals"] = approvals.model_copy(
        update={
            "directory": approvals.directory or data / "approvals",
            "database": approvals.database or settings.security.database,
            "url": approvals.url or addresses(settings).url,
        }
    )
    return settings.model_copy(update=missing)


def core_services(settings: Settings) -> JarvisCoreServices:
    """The core services of these settings; none of them connects yet."""
    from jarvis_dagster.revising import revision_of
    from jarvis_dagster.services.core import JarvisCoreServices

    full = with_embedded(settings)
    return JarvisCoreServices(
        storage=full.storage,
        client_storage=full.client_storage,
        experiment=full.experiment,
        workflow=full.workflow,
        analytics=full.analytics,
        notification=full.notification,
        security=full.security,
        approvals=full.approvals,
        revision=lambda core, name, given: revision_of(settings, core, name, given),
    )


def inbox_of(settings: Settings) -> Inbox:
    """The folders of the watched drive."""
    from jarvis_dagster.services.client_storage.inbox import Inbox

    service = core_services(settings).client_storage_service
    return Inbox(service, settings.drive.name, settings.drive.root)


def backup_service(settings: Settings, config: Path | None = None) -> JarvisBackupService:
    """Backups of this installation.

    Args:
        config: The core settings file; None means the usual one.

    Raises:
        ConfigError: there is no place for them, or it is no other place.
    """
    from jarvis_dagster.services.backup import JarvisBackupService
    from jarvis_dagster.settings import find_config

    config = config or find_config()
    overlay = config.with_name(f"{settings.environment}.yaml") if config else None
    full = with_embedded(settings)
    return JarvisBackupService(
        settings.backup,
        _place(full),
        data_dir=settings.data_dir,
        storage=full.storage,
        settings_files=tuple(path for path in (config, overlay) if path and path.is_file()),
    )


def _place(full: Settings) -> Place:
    """Where backups are kept; never a part of what they are of."""
    from jarvis_dagster.errors import ConfigError
    from jarvis_dagster.services.backup.places import DrivePlace, FolderPlace, S3Place
    from jarvis_dagster.services.backup.s3 import S3

    backup, storage = full.backup, full.storage
    if backup.place is None:
        raise ConfigError(
            "There is no place for backups.",
            "Set `backup.place` to a folder on another disk, s3://bucket/prefix or"
            " drive://name/folder, or name one with --place.",
        )
    scheme, _, rest = backup.place.partition("://")
    name, _, folder = rest.partition("/")
    if scheme == "s3":
        server = backup.s3 or storage
        if server is None or (
            storage
            and server.endpoint == storage.endpoint
            and name in {*storage.buckets, *backup.buckets}
        ):
            raise ConfigError(
                f"The bucket {name} is part of what is backed up.", "Use another `backup.place`."
            )
        return S3Place(S3(server), name, folder)
    path = backup.folder
    place: Place | None = FolderPlace(path) if path is not None else None
    if place is None:
        drive = core_services(full).client_storage_service.drive(name)
        root = getattr(drive, "root", None)  # of a drive that is a folder on this machine
        path = root / folder if root is not None else None
        place = DrivePlace(drive, name, folder)
    if path is not None and path.resolve().is_relative_to(full.data_dir.resolve()):
        raise ConfigError(
            f"{path} is in the data directory, which is what is backed up.",
            "Use a folder on another disk as `backup.place`.",
        )
    return place


def search_index(settings: Settings) -> SearchIndex:
    """The search index of this installation; it need not be there yet."""
    from jarvis_dagster.services.client_storage.search import SearchIndex

    return SearchIndex(settings.data_dir / "search")
