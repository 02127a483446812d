"""The Autopilot: watches how well videos are seen, and adapts.

Belongs here: its steps on the services, and what it keeps. Does not belong here: measures and
rules (``hockey/adaptation``), when steps run (``workflows/autopilot``).
"""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.autopilot.config import AutopilotConfig
    from jarvis_dagster.autopilot.library import Library
    from jarvis_dagster.autopilot.pilot import Pilot

__all__ = ["AutopilotConfig", "Library", "Pilot"]

__getattr__ = lazily(
    __name__, {"AutopilotConfig": "config", "Library": "library", "Pilot": "pilot"}
)
