"""Autopilot: how well videos are seen, and what was decided about it."""

from jarvis_dagster.assets.autopilot.decisions import decisions, no_change_made_it_worse
from jarvis_dagster.assets.autopilot.performance import performance

__all__ = ["decisions", "no_change_made_it_worse", "performance"]
