"""The experiment service: runs, metrics and model versions in MLflow."""

from jarvis_dagster.services.experiment.config import ExperimentConfig
from jarvis_dagster.services.experiment.service import JarvisExperimentService

__all__ = ["ExperimentConfig", "JarvisExperimentService"]
