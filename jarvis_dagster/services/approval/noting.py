"""What the audit log is told of approvals.

Belongs here: the form of its entries. Does not belong here: the log itself
(``services/security/audit``), what has to be noted (``service``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.approval.approval import Approval
    from jarvis_dagster.services.security import JarvisSecurityService, Principal

__all__ = ["Noting"]


class Noting:
    """Notes what was done with approvals, and what was refused."""

    def __init__(self, security: Callable[[], JarvisSecurityService]) -> None:
        self._security = security

    def done(self, action: str, approval: Approval, by: str, **facts: Any) -> None:
        """Something was done with an approval."""
        self._security().audit.add(
            f"approval.{action}",
            allowed=True,
            by=by,
            object=approval.id,
            kind=approval.kind,
            subject=approval.subject,
            sha256=approval.sha256,
            team=approval.team,
            **facts,
        )

    def no_decision(self, approval: Approval, by: Principal, why: str, **facts: Any) -> None:
        """Somebody could not decide."""
        self._security().audit.add(
            "approval.decide",
            allowed=False,
            by=by.name,
            object=approval.id,
            reason=why,
            **facts,
        )

    def bad_link(self, approval: Approval, why: str) -> None:
        """A link was not taken."""
        self._security().audit.add("approval.link", allowed=False, object=approval.id, reason=why)
