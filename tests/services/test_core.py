"""JarvisCoreServices: made once, only what is asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.services.analytics import AnalyticsConfig
from jarvis_dagster.services.client_storage import ClientStorageConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.experiment import ExperimentConfig
from jarvis_dagster.services.storage import StorageConfig
from jarvis_dagster.services.workflow import WorkflowConfig

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = (
    *("storage_service", "client_storage_service", "experiment_service"),
    *("workflow_service", "analytics_service"),
)


def test_each_service_is_made_once_and_starts_nothing(tmp_path: Path) -> None:
    core = JarvisCoreServices(
        storage=StorageConfig.model_validate({"secret_key": "x"}),
        client_storage=ClientStorageConfig(import_dir=tmp_path / "imports"),
        experiment=ExperimentConfig(),
        workflow=WorkflowConfig(),
        analytics=AnalyticsConfig(directory=tmp_path / "metrics"),
    )
    with core:
        for name in SERVICES:
            assert getattr(core, name) is getattr(core, name)
        first = core.analytics_service
    assert core.analytics_service is not first
    core.close()
    core.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_without_settings_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name.removesuffix("_service")):
        getattr(JarvisCoreServices(), name)


def test_importing_the_services_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import jarvis_dagster.services.core, jarvis_dagster.components\n"
        "from jarvis_dagster.services import storage, client_storage, experiment, analytics\n"
        "from jarvis_dagster.services import workflow\n"
        "heavy = {'minio', 'mlflow', 'temporalio', 'prometheus_client', 'dagster', 'boto3',\n"
        "         'urllib3', 'psutil', 'cv2', 'torch', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
