"""Which right each call of a core service needs.

Belongs here: the table. Does not belong here: asking (``guard``). A method that is not in it can be
called by an admin alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "needed"]

KINDS = ("artifacts", "models", "datasets", "logs", "reports")

_CALLS: dict[str, dict[str, tuple[str, str]]] = {
    "storage": {
        "store_artifact": ("artifacts", "write"),
        "retrieve_artifact": ("artifacts", "read"),
        "find_artifact": ("artifacts", "read"),
        "list_artifacts": ("artifacts", "read"),
        "store_model": ("models", "write"),
        "retrieve_model": ("models", "read"),
        "list_models": ("models", "read"),
        "store": ("{kind}", "write"),
        "list_stored": ("{kind}", "read"),
        "check": ("health", "read"),
    },
    "client_storage": {
        "import_user_media": ("client_storage", "write"),
        "export_results": ("client_storage", "write"),
        "create_shared_folder": ("client_storage", "write"),
        "share": ("client_storage", "write"),
        "unshare": ("client_storage", "write"),
        "who_sees": ("client_storage", "read"),
        "check": ("health", "read"),
    },
    "experiment": {
        "start_experiment": ("experiments", "write"),
        "end_experiment": ("experiments", "write"),
        "log_metrics": ("experiments", "write"),
        "log_model": ("models", "write"),
        "get_best_model": ("experiments", "read"),
        "compare_experiments": ("experiments", "read"),
        "check": ("health", "read"),
    },
    "workflow": {
        "start_workflow": ("workflows", "write"),
        "cancel_workflow": ("workflows", "write"),
        "terminate_workflow": ("workflows", "write"),
        "signal_workflow": ("workflows", "write"),
        "update_workflow": ("workflows", "write"),
        "handle_event": ("workflows", "write"),
        "create_schedule": ("workflows", "write"),
        "pause_schedule": ("workflows", "write"),
        "resume_schedule": ("workflows", "write"),
        "trigger_schedule": ("workflows", "write"),
        "delete_schedule": ("workflows", "write"),
        "get_schedule": ("workflows", "read"),
        "list_schedules": ("workflows", "read"),
        "query_workflow": ("workflows", "read"),
        "list_workflows": ("workflows", "read"),
        "get_workflow_history": ("workflows", "read"),
        "export_history": ("workflows", "read"),
        "backlog": ("workflows", "read"),
        "get_workflow_status": ("workflows", "read"),
        "wait_for_result": ("workflows", "read"),
        "check": ("health", "read"),
    },
    "analytics": {
        "log_metric": ("metrics", "write"),
        "log_counter": ("metrics", "write"),
        "log_histogram": ("metrics", "write"),
        "create_dashboard": ("dashboards", "write"),
        "send_alert": ("alerts", "write"),
        "check": ("health", "read"),
    },
    "approval": {
        "required": ("approvals", "read"),
        "ask": ("approvals", "write"),
        # Which right a decision needs depends on its kind: the service asks for that.
        "approve": ("approvals", "read"),
        "reject": ("approvals", "read"),
        "decide": ("approvals", "read"),
        "ask_again": ("approvals", "read"),
        "get": ("approvals", "read"),
        "approvals": ("approvals", "read"),
        "check": ("health", "read"),
    },
    "notification": {
        "notify": ("notifications", "write"),
        "messages": ("notifications", "read"),
        "check": ("health", "read"),
    },
}


def needed(
    service: str, method: str, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Resource and right that a call needs; None where the table does not know the call."""
    found = _CALLS.get(service, {}).get(method)
    if found is None or found[0] != "{kind}":
        return found
    kind = named.get("kind", arguments[0] if arguments else "")
    return (str(kind), found[1]) if kind in KINDS else None
