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

_EXPERIMENT_READS = (
    *("artifacts", "comparison_page", "curve", "fetch_artifact", "find_run_id", "notes"),
    *("read_json", "run_facts", "runs", "url_of"),
)
_EXPERIMENT_WRITES = ("add_note", "end_runs_of", "reproduce", "run", "set_owner", "tag_run")
_MODEL_READS = ("fetch_model", "model", "models", "moves", "versions")
_MODEL_WRITES = ("move_alias", "roll_back", "tag_model")

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
        "put_file": ("{bucket}", "write"),
        "get_file": ("{bucket}", "read"),
        "stat": ("{bucket}", "read"),
        "exists": ("{bucket}", "read"),
        "modified": ("{bucket}", "read"),
        "versions_of": ("{bucket}", "read"),
        "url": ("artifacts", "read"),
        "retrieve": ("models", "read"),
        "resolve": ("models", "read"),
        "history": ("models", "read"),
        "aliases": ("models", "read"),
        "diff": ("models", "read"),
        "pin": ("artifacts", "write"),
        "set_alias": ("models", "write"),
        "rollback": ("models", "write"),
        "size_bytes": ("health", "read"),
        "config": ("storage.parts", "write"),
        "objects": ("storage.parts", "write"),
        "raw": ("storage.parts", "write"),
        "catalogue": ("storage.parts", "write"),
        "check": ("health", "read"),
    },
    "client_storage": {
        "config": ("client_storage.drives", "write"),
        "drive": ("client_storage.drives", "write"),
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
        **dict.fromkeys(_EXPERIMENT_READS, ("experiments", "read")),
        **dict.fromkeys(_EXPERIMENT_WRITES, ("experiments", "write")),
        **dict.fromkeys(_MODEL_READS, ("models", "read")),
        **dict.fromkeys(_MODEL_WRITES, ("models", "write")),
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
        "forget": ("metrics", "write"),
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
        "why_not": ("approvals", "read"),
        "to_do": ("approvals", "read"),
        "sweep": ("approvals", "write"),
        "applied": ("approvals", "write"),
        "void": ("approvals", "write"),
        "check": ("health", "read"),
    },
    "security": {
        "noted": ("audit", "read"),
        "faults_of_log": ("audit", "read"),
        "check": ("health", "read"),
    },
    "notification": {
        "notify": ("notifications", "write"),
        "messages": ("notifications", "read"),
        "deliver": ("notifications", "write"),
        "check": ("health", "read"),
    },
}


def needed(
    service: str,
    method: str,
    arguments: tuple[Any, ...],
    named: Mapping[str, Any],
    buckets: Mapping[str, str] | None = None,
) -> tuple[str, str] | None:
    """Resource and right that a call needs; None where the table does not know the call.

    Args:
        buckets: The kind of what is in a bucket, by its name.
    """
    found = _CALLS.get(service, {}).get(method)
    if found is None:
        return None
    if found[0] == "{kind}":
        kind = named.get("kind", arguments[0] if arguments else "")
        return (str(kind), found[1]) if kind in KINDS else None
    if found[0] == "{bucket}":
        place = 1 if method in {"stat", "exists"} else 2
        bucket = named.get("bucket", arguments[place] if len(arguments) > place else None)
        kind = "artifacts" if bucket is None else (buckets or {}).get(str(bucket), "")
        return (kind, found[1]) if kind else None
    return found
