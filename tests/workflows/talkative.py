"""A workflow that can be talked to, under a name that the service knows."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError


@workflow.defn(name="computer-vision")
class Talkative:
    """Keeps what it is told; ends when it is told to."""

    def __init__(self) -> None:
        self._said: list[list[Any]] = []
        self._by = ""
        self._over = False

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> str:
        await workflow.wait_condition(lambda: self._over)
        return self._by

    @workflow.signal
    def say(self, what: str, number: int) -> None:
        self._said.append([what, number])

    @workflow.signal
    def finish(self) -> None:
        self._over = True

    @workflow.query
    def said(self) -> list[list[Any]]:
        return self._said

    @workflow.update
    def decide(self, who: str) -> str:
        if self._by:
            raise ApplicationError(f"{self._by} was first.", type="ConflictError")
        self._by = who
        return who
