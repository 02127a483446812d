"""Which run is meant when the same work is tried again.

Belongs here: finding the run of an identity, or making it, so that a retry continues its
run. Does not belong here: what is written into it.

MLflow has no unique tags. Whoever makes a run therefore looks again afterwards; of two that
were made at the same time the older one stays, and the other is deleted by its maker.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["IDENTITY", "find_run", "identity_tags", "settle"]

IDENTITY = "jarvis.identity"
_ATTEMPTS = "jarvis.attempts"


def identity_tags(identity: Mapping[str, str]) -> dict[str, str]:
    """The identity as tags: each part to read, and a digest to search for.

    A digest, since MLflow's filters cannot quote every text.
    """
    text = json.dumps(dict(identity), sort_keys=True)
    return {**identity, IDENTITY: hashlib.sha256(text.encode()).hexdigest()}


def find_run(client: MlflowClient, experiment_id: str, digest: str) -> Run | None:
    """The run of an identity; the oldest, should there be several."""
    found = client.search_runs(
        [experiment_id], f"tags.`{IDENTITY}` = '{digest}'", order_by=["attributes.start_time ASC"]
    )
    return min(found, key=_age) if found else None


def _age(run: Run) -> tuple[Any, str]:
    return run.info.start_time, run.info.run_id


def settle(client: MlflowClient, made: Run, digest: str) -> str:
    """The run that stands, after ``made`` was made; ``made`` is deleted if it is another."""
    oldest = find_run(client, made.info.experiment_id, digest) or made
    if oldest.info.run_id != made.info.run_id:
        client.delete_run(made.info.run_id)
    return str(oldest.info.run_id)


def reopen(client: MlflowClient, run: Run) -> None:
    """Let a run that an earlier attempt began go on, and count the attempts."""
    attempts = int(run.data.tags.get(_ATTEMPTS, "1")) + 1
    client.set_tag(run.info.run_id, _ATTEMPTS, str(attempts))
    client.update_run(run.info.run_id, status="RUNNING")
