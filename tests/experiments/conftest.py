"""The experiment service on a real database and on a real tracking server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService

if TYPE_CHECKING:
    from tests.servers import Server


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> JarvisExperimentService:
    folder = tmp_path_factory.mktemp("mlflow_db")
    return JarvisExperimentService(
        ExperimentConfig(
            tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", artifact_root=str(folder / "files")
        )
    )


@pytest.fixture(scope="session")
def on_server(mlflow_server: Server) -> JarvisExperimentService:
    return JarvisExperimentService(ExperimentConfig(tracking_uri=mlflow_server.url))


@pytest.fixture(scope="session", params=["database", "on_server"])
def service(request: pytest.FixtureRequest) -> JarvisExperimentService:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]
