"""The platform's components, built on the core services through one facade.

Belongs here: TSAIComponent and the six components. Does not belong
here: services and hockey code, which components reach through the facade.
"""

from jarvis_dagster.components.autopilot import Autopilot
from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.components.holmes import Holmes
from jarvis_dagster.components.sherlock import Sherlock
from jarvis_dagster.components.spotlight import Spotlight
from jarvis_dagster.components.toolchain import Toolchain
from jarvis_dagster.components.watson import Watson

__all__ = [
    "Autopilot",
    "Holmes",
    "Sherlock",
    "Spotlight",
    "TSAIComponent",
    "Toolchain",
    "Watson",
]
