"""Who is who: role and team of every track.

Belongs here: kit features of a box, and the role and team of a track from the
detector's votes and the kits. Does not belong here: finding or following people
(``hockey/detection``, ``hockey/tracking``).
"""

from jarvis_dagster.hockey.roles.assign import assign_roles
from jarvis_dagster.hockey.roles.bystanders import without_bystanders
from jarvis_dagster.hockey.roles.colours import team_colours
from jarvis_dagster.hockey.roles.kit import KIT_COLUMNS, kit_features
from jarvis_dagster.hockey.roles.one_kit import keep_to_one_kit
from jarvis_dagster.hockey.roles.samples import torso_colours

__all__ = [
    "KIT_COLUMNS",
    "assign_roles",
    "keep_to_one_kit",
    "kit_features",
    "team_colours",
    "torso_colours",
    "without_bystanders",
]
