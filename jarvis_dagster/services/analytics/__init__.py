"""The analytics service: metrics, dashboards and alerts."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.analytics.config import AnalyticsConfig
    from jarvis_dagster.services.analytics.endpoint import serve_metrics
    from jarvis_dagster.services.analytics.service import JarvisAnalyticsService

__all__ = ["AnalyticsConfig", "JarvisAnalyticsService", "serve_metrics"]

__getattr__ = lazily(
    __name__,
    {
        "AnalyticsConfig": "config",
        "JarvisAnalyticsService": "service",
        "serve_metrics": "endpoint",
    },
)
