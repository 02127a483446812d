"""The config service: every setting, typed and documented, read once.

``config/jarvis-core.yaml`` comes first, then the overlay of the environment
(``config/development.yaml`` and so on). ``${NAME}`` is the environment
variable NAME, ``${NAME:-value}`` the same with a default, and ``${file:PATH}``
the content of a file, for secrets. ``~/`` at the beginning of a value is the home
folder. An unknown key or a value of the wrong type is an error that names the key
and the file it is in.
"""

from jarvis_dagster.settings.files import find_config
from jarvis_dagster.settings.loading import load_settings
from jarvis_dagster.settings.model import Settings
from jarvis_dagster.settings.sections import (
    DriveSettings,
    PromotionSettings,
    ReportSettings,
    SyncSettings,
    TeamSettings,
    UpkeepSettings,
    VisionSettings,
)

__all__ = [
    "DriveSettings",
    "PromotionSettings",
    "ReportSettings",
    "Settings",
    "SyncSettings",
    "TeamSettings",
    "UpkeepSettings",
    "VisionSettings",
    "find_config",
    "load_settings",
]
