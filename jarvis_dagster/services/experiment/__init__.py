"""The experiment service: runs, metrics and model versions in MLflow."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.experiment.config import ExperimentConfig
    from jarvis_dagster.services.experiment.service import JarvisExperimentService

__all__ = ["ExperimentConfig", "JarvisExperimentService"]

__getattr__ = lazily(
    __name__,
    {
        "ExperimentConfig": "config",
        "JarvisExperimentService": "service",
    },
)
