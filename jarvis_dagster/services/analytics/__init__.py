"""The analytics service: metrics, dashboards and alerts."""

from jarvis_dagster.services.analytics.config import AnalyticsConfig
from jarvis_dagster.services.analytics.endpoint import serve_metrics
from jarvis_dagster.services.analytics.service import JarvisAnalyticsService

__all__ = ["AnalyticsConfig", "JarvisAnalyticsService", "serve_metrics"]
