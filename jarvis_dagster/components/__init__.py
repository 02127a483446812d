"""The platform's components, built on the core services through one facade.

Belongs here: TSAIComponent and the components that are real. Does not belong
here: services and hockey code, which components reach through the facade.
"""

from jarvis_dagster.components.autopilot import Autopilot
from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.components.spotlight import Spotlight
from jarvis_dagster.components.toolchain import Toolchain

__all__ = ["Autopilot", "Spotlight", "TSAIComponent", "Toolchain"]
