"""Sherlock: who did what, and whether the log of it is whole.

Belongs here: the component on top of the core services. Does not belong here: writing the log and
deciding (``services/security``).
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent

if TYPE_CHECKING:
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Sherlock"]


class Sherlock(TSAIComponent):
    """Looks into the audit log."""

    def __init__(self, jarvis_core: JarvisCoreServices) -> None:
        super().__init__("sherlock", jarvis_core)

    def who_did(
        self, text: str = "", *, by: str | None = None, refused: bool = False, since: str = ""
    ) -> list[dict[str, Any]]:
        """The entries of the audit log, oldest first.

        Args:
            text: A part of the action or of the object.
            by: Only of this account.
            refused: Only what was refused.
            since: Only from this moment on: the beginning of an ISO time in UTC.

        Returns:
            ``time, action, allowed, by`` and what else was noted, such as ``object, from, reason``.
        """
        return [
            entry
            for entry in self.jarvis_core.security_service.noted()
            if text in f"{entry['action']} {entry.get('object', '')}"
            and by in {None, entry.get("by")}
            and not (refused and entry["allowed"])
            and str(entry["time"]) >= since
        ]

    def refused_most(self, since: str = "", count: int = 10) -> list[tuple[str, str, int]]:
        """Who was refused most often from where: account, address ("" from this machine), times."""
        times = collections.Counter(
            (str(entry.get("by", "")), str(entry.get("from", "")))
            for entry in self.who_did(refused=True, since=since)
        )
        return [(by, address, number) for (by, address), number in times.most_common(count)]

    def faults_of_log(self) -> list[str]:
        """What was changed, taken out or put in, line by line; empty for a whole log."""
        return self.jarvis_core.security_service.faults_of_log()
