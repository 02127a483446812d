"""All settings, in one model.

Belongs here: which sections there are. Does not belong here: what is in a section
(``sections.py``, and ``config.py`` of each service).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import pydantic

from jarvis_dagster.autopilot.config import AutopilotConfig
from jarvis_dagster.gateway.config import GatewayConfig
from jarvis_dagster.services.analytics.config import AnalyticsConfig
from jarvis_dagster.services.approval.config import ApprovalsConfig
from jarvis_dagster.services.backup.config import BackupConfig
from jarvis_dagster.services.client_storage.config import ClientStorageConfig
from jarvis_dagster.services.experiment.config import ExperimentConfig
from jarvis_dagster.services.health.config import HealthConfig
from jarvis_dagster.services.notification.config import NotificationConfig
from jarvis_dagster.services.security.config import SecurityConfig
from jarvis_dagster.services.storage.config import StorageConfig
from jarvis_dagster.services.workflow.config import WorkflowConfig
from jarvis_dagster.settings.sections import (
    DriveSettings,
    PromotionSettings,
    ReportSettings,
    Section,
    SyncSettings,
    UpkeepSettings,
    VisionSettings,
)
from jarvis_dagster.stack.config import StackConfig

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Environment", "Settings"]

Environment = Literal["development", "staging", "production"]


class Settings(Section):
    """All settings of Jarvis."""

    environment: Environment = pydantic.Field(
        "development", description="Which overlay is in force; set by `JARVIS_ENV`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = pydantic.Field(
        "INFO",
        description="Least level of log messages that workers, the login and the metrics page"
        " write; Dagster's runs have logs of their own.",
    )
    disk_reserve_mb: int = pydantic.Field(
        256, ge=64, description="Room (MiB) of the disk that no video's analysis may begin to use."
    )
    vision: VisionSettings = pydantic.Field(VisionSettings(), description="Footage analysis.")
    drive: DriveSettings = pydantic.Field(DriveSettings(), description="The watched drive.")
    synchronise: dict[str, SyncSettings] = pydantic.Field(
        default_factory=dict, description="Pairs of folders that are kept in step, by name."
    )
    promotion: PromotionSettings = pydantic.Field(
        PromotionSettings(), description="When a challenger replaces the champion of a model."
    )
    autopilot: AutopilotConfig = pydantic.Field(
        default_factory=AutopilotConfig, description="When the Autopilot acts, and how far."
    )
    upkeep: UpkeepSettings = pydantic.Field(
        UpkeepSettings(), description="When the object store and the search index are tended."
    )
    reports: ReportSettings = pydantic.Field(
        ReportSettings(), description="Weekly reports of the teams and of the platform."
    )
    stack: StackConfig = pydantic.Field(
        default_factory=StackConfig,
        description="The servers that `jarvis up` runs, and where they keep their state.",
    )
    storage: StorageConfig | None = pydantic.Field(
        None, description="The object store; empty means the embedded one."
    )
    client_storage: ClientStorageConfig | None = pydantic.Field(
        None, description="The cloud drives; empty means one local folder in the data directory."
    )
    experiment: ExperimentConfig | None = pydantic.Field(
        None, description="MLflow; empty means the embedded one."
    )
    workflow: WorkflowConfig | None = pydantic.Field(
        None, description="Temporal; empty means the embedded one."
    )
    analytics: AnalyticsConfig | None = pydantic.Field(
        None, description="Metrics and alerts; empty means files in the data directory."
    )

    health: HealthConfig = pydantic.Field(
        default_factory=HealthConfig, description="How services are asked whether they work."
    )
    notification: NotificationConfig = pydantic.Field(
        default_factory=NotificationConfig, description="Who is told what, and where."
    )
    security: SecurityConfig = pydantic.Field(
        default_factory=SecurityConfig, description="Accounts, rights and the audit log."
    )
    approvals: ApprovalsConfig = pydantic.Field(
        default_factory=ApprovalsConfig, description="What waits until a person says yes."
    )
    gateway: GatewayConfig = pydantic.Field(
        default_factory=GatewayConfig, description="The login in front of every web page."
    )
    backup: BackupConfig = pydantic.Field(
        default_factory=BackupConfig, description="Backups: where, when, and how long they stay."
    )

    @pydantic.field_validator("synchronise")
    @classmethod
    def _plain_names(cls, value: dict[str, SyncSettings]) -> dict[str, SyncSettings]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9_]+", name):
                raise ValueError(f"{name!r} may hold only letters, digits and _")
        return value

    @property
    def data_dir(self) -> Path:
        """Where everything of this machine is kept (``stack.data_dir``)."""
        return self.stack.data_dir

    @property
    def vision_sha256(self) -> str:
        """Hash of the settings that can change an analysis; recorded with every table."""
        return hashlib.sha256(self.vision.model_dump_json().encode()).hexdigest()
