"""The workflow ``approval``: waits until a person has said yes or no, or time is up.

Belongs here: waiting, and :func:`ask` for other workflows. Does not belong here: who may decide
and what is kept of it (``services/approval``, by way of ``approval_activities.py``). This module
runs in Temporal's sandbox: it must be deterministic and import next to nothing.

The record is in the database of approvals. A signal only makes the workflow look sooner; one that
is lost costs some minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import json
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ParentClosePolicy

from jarvis_dagster.workflows.deterministic import carry_out

__all__ = ["ApprovalWorkflow", "ask"]

_RETRY = RetryPolicy(
    initial_interval=datetime.timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=datetime.timedelta(minutes=2),
)
_STEP = datetime.timedelta(seconds=60)
_FIRST_LOOK, _LAST_LOOK = datetime.timedelta(seconds=30), datetime.timedelta(minutes=10)
_LOOKS = 200
"""After so many looks the workflow continues as a new one, with a short history."""


@workflow.defn(name="approval")
class ApprovalWorkflow:
    """One thing that a person decides about.

    Input: ``kind``, ``subject``, ``content``, and maybe ``figures``, ``title``, ``team``, ``by``,
    ``shown``, ``links``, ``again`` (see ``JarvisApprovalService.ask``). Result: the decision:
    ``id``, ``state``, ``allowed``, ``sha256``, ``decided_by``, ``decided_at``, ``reason``.

    Signals ``approve`` and ``reject`` (``{"by", "reason"}``) decide with the rights of the account
    that they name; ``decided`` says that it was decided elsewhere.
    """

    def __init__(self) -> None:
        self._said: list[dict[str, Any]] = []
        self._look = False
        self._known: dict[str, Any] = {}
        self._refused: list[str] = []

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        if "id" in input_data:
            self._said = [*input_data.get("said", ()), *self._said]
            self._known = await _step("approval_look", {"id": input_data["id"]})
        else:
            given = {**input_data, "waiter": workflow.info().workflow_id}
            self._known = await _step("approval_ask", given)
        wait, looks = _FIRST_LOOK, 0
        while self._known["state"] == "waiting":
            looks += 1
            if looks > _LOOKS:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new({"id": self._known["id"], "said": self._said})
            workflow.upsert_memo({"approval": self._known["id"]})
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: self._look or bool(self._said), timeout=self._pause(wait)
                )
            wait = min(2 * wait, _LAST_LOOK)
            self._look = False
            while self._said:
                said = self._said.pop(0)
                done = await _step("approval_decide", {"id": self._known["id"], **said})
                self._refused += [done["refused"]] if done.get("refused") else []
            self._known = await _step("approval_look", {"id": self._known["id"]})
        return self._known

    @workflow.signal
    def approve(self, said: dict[str, Any]) -> None:
        """Somebody says yes: ``by`` (an account), maybe ``reason``."""
        self._said.append({**said, "verdict": "approved"})

    @workflow.signal
    def reject(self, said: dict[str, Any]) -> None:
        """Somebody says no: ``by`` (an account) and ``reason``."""
        self._said.append({**said, "verdict": "rejected"})

    @workflow.signal
    def decided(self, state: str) -> None:  # noqa: ARG002 - the database says it, not the signal
        """It was decided elsewhere."""
        self._look = True

    @workflow.query
    def decision(self) -> dict[str, Any]:
        """What is known of it now, and the signals that were refused."""
        return {**self._known, "refused": self._refused}

    def _pause(self, wait: datetime.timedelta) -> datetime.timedelta:
        """Until the next look: in a while, or when time is up."""
        left_s = self._known["expires_at"] - workflow.now().timestamp()
        return min(wait, datetime.timedelta(seconds=max(left_s, 0) + 1))


async def ask(
    kind: str, subject: str, content: Any, figures: Any = (), **more: Any
) -> dict[str, Any]:
    """Ask a person, from within a workflow, and wait; see :class:`ApprovalWorkflow`.

    Where the settings require nobody, it comes back at once with ``allowed``. The caller may be
    cancelled or end meanwhile: what was asked stays asked.
    """
    asked = {"kind": kind, "subject": subject, "content": content, "figures": figures, **more}
    text = json.dumps([kind, subject, content], sort_keys=True)
    short = hashlib.sha256(text.encode()).hexdigest()[:16]
    return await workflow.execute_child_workflow(
        ApprovalWorkflow.run,
        asked,
        id=f"approval-{short}-{workflow.info().run_id}-{workflow.uuid4().hex[:4]}",
        parent_close_policy=ParentClosePolicy.ABANDON,
    )


async def _step(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return await carry_out(name, given, start_to_close_timeout=_STEP, retry_policy=_RETRY)
