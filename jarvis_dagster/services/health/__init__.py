"""The health service: which services answer, and what stands still while one does not."""

from jarvis_dagster.services.health.config import HealthConfig
from jarvis_dagster.services.health.monitor import Change, Health, HealthMonitor
from jarvis_dagster.services.health.reach import NEEDS, stands_still

__all__ = ["NEEDS", "Change", "Health", "HealthConfig", "HealthMonitor", "stands_still"]
