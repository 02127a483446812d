"""TSAIComponent: what every component of the platform is built on.

Belongs here: the core services with a component's own name on every call. Does
not belong here: what a component does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["TSAIComponent"]


class TSAIComponent:
    """A component of the platform.

    Args:
        component_name: Its name in records, metrics and folders.
        jarvis_core: The core services; used with the rights of the component's role alone where
            ``security.service_accounts`` is on.
    """

    def __init__(self, component_name: str, jarvis_core: JarvisCoreServices) -> None:
        if not component_name.strip():
            raise BadInputError(
                "A component needs a name.", 'Set `name` in the class, such as "spotlight".'
            )
        self.component_name = component_name
        self.jarvis_core = jarvis_core.as_component(component_name)

    def store_artifact(
        self,
        artifact_path: str | Path,
        metadata: Mapping[str, Any] | None = None,
        experiment_id: str | None = None,
    ) -> str:
        """Store a file as this component's; returns the artifact's id."""
        return self.jarvis_core.storage_service.store_artifact(
            artifact_path, metadata, self.component_name, experiment_id
        )

    def retrieve_artifact(self, artifact_id: str, local_path: str | Path) -> bool:
        """Fetch an artifact into a file; False when there is none of that id."""
        return self.jarvis_core.storage_service.retrieve_artifact(artifact_id, local_path)

    def import_user_media(
        self,
        drive_name: str,
        folder_id: str | None = None,
        file_types: Sequence[str] | None = None,
    ) -> list[Path]:
        """Download files of a drive into this component's import folder."""
        return self.jarvis_core.client_storage_service.import_user_media(
            drive_name, folder_id, file_types, self.component_name
        )

    def export_results(
        self,
        results: Sequence[str | Path] | Mapping[str, str | Path],
        drive_name: str,
        folder_id: str | None = None,
    ) -> list[str]:
        """Put files into a folder of a drive; returns their ids."""
        return self.jarvis_core.client_storage_service.export_results(
            results, drive_name, folder_id, self.component_name
        )

    def start_experiment(
        self, experiment_name: str, parameters: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run of an experiment as this component's; returns the run's id."""
        return self.jarvis_core.experiment_service.start_experiment(
            experiment_name, parameters, self.component_name
        )

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        run_id: str | None = None,
    ) -> None:
        """Log metrics of a run."""
        self.jarvis_core.experiment_service.log_metrics(metrics, step, run_id)

    def start_workflow(self, workflow_name: str, input_data: Mapping[str, Any]) -> str:
        """Start a workflow as this component's; returns its id."""
        return self.jarvis_core.workflow_service.start_workflow(
            workflow_name, input_data, self.component_name
        )

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """What is known of a workflow."""
        return self.jarvis_core.workflow_service.get_workflow_status(workflow_id)

    def log_metric(self, name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set a gauge with this component's name as a label."""
        self.jarvis_core.analytics_service.log_metric(name, value, labels, self.component_name)
