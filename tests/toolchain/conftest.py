"""Services of the tests' own servers, and a tiny dataset of rendered hockey in its store."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.hockey.datasets import read_dataset
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.experiment import ExperimentConfig
from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.toolchain.pipeline import Workshop, workshop_of
from tests.services.storage_tools import service_of
from tests.toolchain.rendered import rendered_export

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

_OF_MLFLOW = ("DeprecationWarning", "FutureWarning", "ResourceWarning")

TINY: dict[str, Any] = {
    "steps": 2, "batch": 2, "width_px": 96, "height_px": 64, "rendered_games": 0,
    "mosaic_share": 0.0,
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow's own warnings, in what it imports, are not ours."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for kind in _OF_MLFLOW:
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rendered games of a few frames each, as a YOLO export."""
    return rendered_export(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def prefix() -> str:
    """Of the buckets of this session."""
    return f"tc{uuid.uuid4().hex[:8]}"


@pytest.fixture
def core(
    object_store: Server, mlflow_server: Server, prefix: str, tmp_path: Path
) -> Iterator[JarvisCoreServices]:
    storage = service_of(object_store, prefix)
    made = JarvisCoreServices(
        storage=storage.config,
        experiment=ExperimentConfig(tracking_uri=mlflow_server.url),
        workflow=WorkflowConfig(address="127.0.0.1:1"),
    )
    with made:
        yield made


@pytest.fixture
def shop(core: JarvisCoreServices, tmp_path: Path) -> Workshop:
    return workshop_of(core.storage_service, core.experiment_service, tmp_path / "work")


@pytest.fixture
def ref(shop: Workshop, export: Path) -> str:
    """The rendered games in the store."""
    with read_dataset(export, "rendered") as dataset:
        return shop.datasets.save(dataset)[0].ref
