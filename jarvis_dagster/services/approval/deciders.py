"""Who may see and decide an approval.

Belongs here: the policy, the role of the settings, teams, and nobody's own. Does not belong here:
the decision (``service``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.approval.approval import Approval
    from jarvis_dagster.services.approval.config import ApprovalsConfig
    from jarvis_dagster.services.security import JarvisSecurityService, Principal

__all__ = ["Deciders"]

_LOCAL = "local:"


class Deciders:
    """What the settings and the policy say of people."""

    def __init__(
        self, config: ApprovalsConfig, security: Callable[[], JarvisSecurityService]
    ) -> None:
        self._config, self._security = config, security

    def sees(self, approval: Approval, by: Principal) -> bool:
        """Whether ``by`` may know of it."""
        if not self._security().allows(by, f"approvals.{approval.kind}", "read"):
            return False
        return by.teams is None or approval.team is None or approval.team in by.teams

    def against(self, approval: Approval, by: Principal, *, own: bool = False) -> str:
        """Why ``by`` may not decide; empty if it may.

        Args:
            own: Whether it does not matter who asked.
        """
        security, rule = self._security(), self._config.rule(approval.kind, approval.team)
        if not security.allows(by, f"approvals.{approval.kind}", "write"):
            return f"{by.name} ({by.role}) may not decide about {approval.kind}."
        if rule.role and by.kind != "local" and not security.policy.is_a(by.role, rule.role):
            return f"{by.name} is no {rule.role}, who decides about {approval.kind}."
        if not (own or rule.own) and _person(by.name) == _person(approval.asked_by):
            return f"{by.name} asked for it, and may not decide about it."
        return ""


def _person(name: str) -> str:
    """Who it is, at this machine or signed in."""
    return name.removeprefix(_LOCAL)
