"""Persons: which tracks of one video are the same person, as far as the evidence goes.

Belongs here: joining tracks over absences and camera cuts by team, role, jersey number,
kit and place on the rink; how sure that is. Does not belong here: following people
within a shot (``tracking``), reading numbers, telling teams apart (``roles``).
"""

from jarvis_dagster.hockey.identities.consistency import contradictions
from jarvis_dagster.hockey.identities.identify import UNKNOWN, identify, persons

__all__ = ["UNKNOWN", "contradictions", "identify", "persons"]
