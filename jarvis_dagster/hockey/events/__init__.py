"""The event ledger: what happened, when, who, how surely, and from what evidence.

Belongs here: events from tracks, positions and the scan. Does not belong here:
clips (``hockey/highlights.py``) or prose (``hockey/report``).
"""

from jarvis_dagster.hockey.events.integrity import ledger_problems
from jarvis_dagster.hockey.events.ledger import EVENT_TYPES, build_ledger, not_supported

__all__ = ["EVENT_TYPES", "build_ledger", "ledger_problems", "not_supported"]
