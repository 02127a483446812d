"""The event ledger: what happened, when, who, how surely, and from what evidence.

Belongs here: events from tracks, positions, the scan and the scoreboard, and the rules
that they obey. Does not belong here: clips (``hockey/highlights.py``) or prose
(``hockey/report``).
"""

from jarvis_dagster.hockey.events.ledger import build_ledger
from jarvis_dagster.hockey.events.plausible import keep_possible
from jarvis_dagster.hockey.events.support import EVENT_TYPES, not_supported

__all__ = ["EVENT_TYPES", "build_ledger", "keep_possible", "not_supported"]
