"""The activities of the workflow ``approval``.

Belongs here: the way from a workflow to the approval service. Does not belong here: rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio import activity

from jarvis_dagster.errors import AccessDeniedError, BadInputError, PermanentError
from jarvis_dagster.services.approval.approval import Shown
from jarvis_dagster.workflows.activity_tools import failures_for_temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.approval.approval import Approval
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["ApprovalActivities"]

_TOLD = (
    *("id", "kind", "subject", "sha256", "state", "asked_at", "expires_at"),
    *("decided_by", "decided_at", "reason"),
)
_ASKED = {"kind", "subject", "content", "figures", "title", "team", "by", "links", "again"}


class ApprovalActivities:
    """Asks, looks and decides with the services that ``core`` holds."""

    def __init__(self, core: Callable[[], JarvisCoreServices]) -> None:
        self._core = core

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.ask, self.look, self.decide]

    @activity.defn(name="approval_ask")
    def ask(self, given: dict[str, Any]) -> dict[str, Any]:
        """Ask; the same again is the same."""
        with failures_for_temporal():
            unknown = set(given) - _ASKED - {"shown", "waiter"}
            if unknown or not {"kind", "subject", "content"} <= set(given):
                raise BadInputError(
                    "An approval needs kind, subject and content"
                    + (f", and knows no {', '.join(sorted(unknown))}." if unknown else ".")
                )
            shown = [Shown(**one) for one in given.get("shown", ())]
            named = {key: given[key] for key in _ASKED if key in given}
            service = self._core().approval_service
            return _told(service.ask(**named, shown=shown, waiter=given["waiter"]))

    @activity.defn(name="approval_look")
    def look(self, given: dict[str, Any]) -> dict[str, Any]:
        """What became of it; expires it when time is up."""
        with failures_for_temporal():
            service = self._core().approval_service
            found = service.get(given["id"])
            if found.state == "expired":
                service.sweep()
            return _told(found)

    @activity.defn(name="approval_decide")
    def decide(self, given: dict[str, Any]) -> dict[str, Any]:
        """Decide for an account that a signal named; a refusal is told, not raised."""
        core = self._core()
        try:
            name = str(given.get("by", ""))
            if core.security_service.accounts.get(name).disabled:
                raise AccessDeniedError(f"The account {name} is disabled.", "Ask an admin.")
            by = core.security_service.principal_of(name)
            core.approval_service.decide(
                given["id"], given["verdict"], str(given.get("reason", "")), by=by
            )
        except PermanentError as error:
            return {"refused": str(error)}
        return {}


def _told(approval: Approval) -> dict[str, Any]:
    """What a workflow's history keeps of an approval."""
    return {**{name: getattr(approval, name) for name in _TOLD}, "allowed": approval.allowed}
