"""What workflows share, inside Temporal's sandbox.

Belongs here: deterministic helpers, and the patches by which running workflows survive a deploy
(docs/workflows.md, "Changing a workflow"). Does not belong here: anything that looks at the
world.
"""

from __future__ import annotations

from temporalio import workflow

__all__ = ["queue_for"]

_QUEUES = "a-queue-for-each-kind"


def queue_for(kind: str) -> str | None:
    """The task queue of a kind of work; None, the workflow's own, for those that began before."""
    if workflow.patched(_QUEUES):
        return f"{workflow.info().task_queue}-{kind}"
    return None
