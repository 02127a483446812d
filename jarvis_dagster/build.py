"""The one place that wires assets, checks, sensors and resources together.

Belongs here: :func:`build_definitions`. Does not belong here: definitions
themselves, or anything that starts or connects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets import (
    answering,
    delivery,
    footage,
    holmes,
    holmes_weekly,
    searchable,
    season,
    spotlight,
    stored,
    upkeep,
)
from jarvis_dagster.assets import autopilot as autopilot_assets
from jarvis_dagster.assets.by_workflows import workflow_assets
from jarvis_dagster.assets.synchronised import synchronised
from jarvis_dagster.assets.toolchain import datasets as toolchain_datasets
from jarvis_dagster.assets.toolchain import labels, promotion, review, shadow
from jarvis_dagster.assets.toolchain.training import training_assets, training_jobs
from jarvis_dagster.gateway.addresses import addresses
from jarvis_dagster.jobs import (
    apply_corrections,
    back_up,
    check_services,
    decide_promotion,
    deliver_results,
    index_drives,
    list_games,
    process_video,
    promote_approved,
    prune_storage,
    queue_for_review,
    read_labels,
    report_autopilot,
    report_week,
    shadow_video,
    sync_job,
    verify_backups,
    verify_storage,
)
from jarvis_dagster.resources.backups import BackupResource
from jarvis_dagster.resources.document_io_manager import DocumentIOManager
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.search import SearchResource
from jarvis_dagster.resources.services import (
    AnalyticsResource,
    ApprovalResource,
    ClientStorageResource,
    ExperimentResource,
    NotificationResource,
    StorageResource,
    WorkflowResource,
)
from jarvis_dagster.resources.synchroniser import SynchroniserResource
from jarvis_dagster.resources.table_io_manager import TableIOManager
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workshop import WorkshopResource
from jarvis_dagster.resources.workspace import WorkspaceResource
from jarvis_dagster.schedules import (
    autopilot_schedules,
    backup_schedules,
    health_schedules,
    report_schedules,
    sync_schedules,
    upkeep_schedules,
)
from jarvis_dagster.sensors.approvals import approvals_sensor
from jarvis_dagster.sensors.corrections import corrections_sensor
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.sensors.games import games_sensor
from jarvis_dagster.sensors.notices import send_notices, tell_of_failures, tell_of_results
from jarvis_dagster.sensors.outages import outages_sensor
from jarvis_dagster.sensors.run_metrics import measure_platform, run_metrics
from jarvis_dagster.sensors.shadow import shadow_sensor
from jarvis_dagster.sensors.training_folder import training_folder_sensor
from jarvis_dagster.sensors.unfinished_runs import (
    end_canceled_experiments,
    end_failed_experiments,
)
from jarvis_dagster.sensors.workflow_results import tell_triggers, workflow_results
from jarvis_dagster.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.settings import Settings

__all__ = ["build_definitions"]


def build_definitions(
    config: Path | None = None,
    environment: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> dg.Definitions:
    """A fresh set of definitions.

    Args:
        config: The core settings file; None means the usual one.
        environment: The settings' overlay; None means the usual one.
        overrides: Resources that replace the ones of the same name.

    Raises:
        ConfigError: the settings are wrong.
    """
    settings = load_settings(config, environment)
    where: dict[str, Any] = {
        "config_file": str(config) if config else "",
        "environment": environment or "",
    }
    resources: dict[str, Any] = {
        "storage": StorageResource(**where),
        "client_storage": ClientStorageResource(**where),
        "experiments": ExperimentResource(**where),
        "workflows": WorkflowResource(**where),
        "analytics": AnalyticsResource(**where),
        "approvals": ApprovalResource(**where),
        "notifications": NotificationResource(**where),
        "workspace": WorkspaceResource(**where),
        "uploads": UploadsResource(**where),
        "search": SearchResource(**where),
        "synchroniser": SynchroniserResource(**where),
        "tables": TableIOManager(**where),
        "documents": DocumentIOManager(**where),
        "workshop": WorkshopResource(**where),
        "backups": BackupResource(**where),
        "progress": LogProgress(),
    }
    assets = [
        *dg.load_assets_from_modules(
            [footage, spotlight, holmes, holmes_weekly, season, delivery, review, labels]
        ),
        *dg.load_assets_from_modules([upkeep, stored, searchable, answering]),
        *dg.load_assets_from_modules([toolchain_datasets, promotion, shadow]),
        *dg.load_assets_from_modules([autopilot_assets]),
        *training_assets(),
        *(synchronised(name, pair) for name, pair in settings.synchronise.items()),
    ]
    known = {key for one in assets if isinstance(one, dg.AssetsDefinition) for key in one.keys}
    return dg.Definitions(
        assets=[*assets, *workflow_assets(_temporal_pages(settings), known)],
        asset_checks=dg.load_asset_checks_from_modules(
            [autopilot_assets, upkeep, stored, promotion]
        ),
        jobs=[process_video, list_games, back_up, verify_backups, prune_storage, verify_storage]
        + [report_autopilot, check_services]
        + [index_drives, apply_corrections, queue_for_review, read_labels]
        + training_jobs()
        + [decide_promotion, shadow_video, deliver_results, promote_approved, report_week]
        + [sync_job(name) for name in settings.synchronise],
        schedules=[
            *backup_schedules(settings.backup),
            *upkeep_schedules(settings.upkeep),
            *health_schedules(settings.upkeep),
            *autopilot_schedules(settings.autopilot),
            *sync_schedules(settings.synchronise),
            *report_schedules(settings.reports),
        ],
        sensors=[
            drive_upload_sensor(settings.drive),
            outages_sensor,
            games_sensor,
            approvals_sensor,
            corrections_sensor(settings.drive),
            training_folder_sensor(settings.drive),
            end_failed_experiments,
            end_canceled_experiments,
            shadow_sensor(settings.promotion),
            tell_of_failures,
            tell_of_results,
            send_notices,
            *run_metrics(),
            workflow_results,
            *tell_triggers(),
            measure_platform,
        ],
        resources={**resources, **(overrides or {})},
        executor=dg.in_process_executor,
    )


def _temporal_pages(settings: Settings) -> str:
    """Where people see workflows, behind the login."""
    namespace = settings.workflow.namespace if settings.workflow else "default"
    return f"{addresses(settings).url}/temporal/namespaces/{namespace}/workflows"
