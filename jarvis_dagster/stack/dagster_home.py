"""The Dagster instance of the embedded stack: `dagster.yaml` and `workspace.yaml`.

Belongs here: the two files that `DAGSTER_HOME` needs on one machine.
Does not belong here: the production instance, `deploy/dagster/dagster.yaml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from jarvis_dagster.stack.layout import StackPaths, make_private, write_private

if TYPE_CHECKING:
    from jarvis_dagster.stack.config import StackConfig

__all__ = ["write_dagster_home"]

_INSTANCE: dict[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "run_coordinator": {
        "module": "dagster.core.run_coordinator",
        "class": "QueuedRunCoordinator",
        # The default of 5 s is most of what a short run waits for. (No retries when the code server
        # is away: a start that only took too long would be a second process of the same run.)
        "config": {"dequeue_interval_seconds": 1},
    },
    "concurrency": {
        # One video at a time uses all cores of one machine already.
        "runs": {
            "max_concurrent_runs": 2,
            # What `jarvis run` is analysing waits here; two runs of one video would share files.
            "tag_concurrency_limits": [
                {"key": "jarvis/content", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
            ],
        },
        "pools": {"default_limit": 1, "granularity": "op"},
    },
    "run_monitoring": {
        "enabled": True,
        "start_timeout_seconds": 180,
        "cancel_timeout_seconds": 180,
        "max_runtime_seconds": 24 * 3600,
        "poll_interval_seconds": 30,
        # Without it a cancelled run may hold its pool for ever.
        "free_slots_after_run_end_seconds": 300,
    },
    # A run whose process died is tried again; a run whose asset failed is not.
    "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
    "retention": {
        "schedule": {"purge_after_days": 30},
        "sensor": {"purge_after_days": {"skipped": 2, "failure": 30, "success": 30, "started": 30}},
    },
}


def write_dagster_home(config: StackConfig) -> None:
    """Write both files if they differ from what they should be."""
    paths = StackPaths(config.data_dir)
    make_private(paths.dagster)
    storage = {
        "custom": {
            "module": "jarvis_dagster.stack.patient_sqlite",
            "class": "PatientSqliteStorage",
            "config": {"base_dir": str(paths.dagster)},
        }
    }
    workspace = {
        "load_from": [
            {
                "grpc_server": {
                    "host": "127.0.0.1",
                    "port": config.ports.dagster_code,
                    "location_name": "jarvis",
                }
            }
        ]
    }
    files = {"dagster.yaml": {**_INSTANCE, "storage": storage}, "workspace.yaml": workspace}
    for name, content in files.items():
        path = paths.dagster / name
        text = "# Written by `jarvis up`. Changes are lost.\n" + yaml.safe_dump(content)
        if not path.is_file() or path.read_text("utf-8") != text:
            write_private(path, text)
