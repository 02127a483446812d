"""Dagster as a workflow sees it: launch a run, see how it goes, end it.

Belongs here: the few questions that Dagster's GraphQL API is asked. Does not belong here: Dagster
itself; a worker needs none of it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WORKFLOW_TAG", "Dagster", "Run"]

WORKFLOW_TAG = "jarvis/workflow"
"""Tag of a run that names the workflow, and the step of it, that asked for it."""

_OVER = {"SUCCESS", "FAILURE", "CANCELED"}

_WHERE = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name }"
_WHERE += " pipelines { name } } } ... on PythonError { message } } }"
_FIND = """query($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1) {
  ... on Runs { results { runId status } } ... on PythonError { message } } }"""
_LOOK = """query($id: ID!) { runOrError(runId: $id) { __typename
  ... on Run { runId status } ... on PythonError { message } } }"""
_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId status } }
  ... on PythonError { message } ... on PipelineNotFoundError { message }
  ... on RunConfigValidationInvalid { errors { message } }
  ... on UnauthorizedError { message } } }"""
_END = """mutation($id: String!) { terminateRun(runId: $id) { __typename } }"""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of Dagster; ``status`` in Dagster's words."""

    id: str
    status: str

    @property
    def is_over(self) -> bool:
        """Whether it has ended, however."""
        return self.status in _OVER


class Dagster:
    """The webserver at ``url``, such as ``http://127.0.0.1:3000/dagster``."""

    def __init__(self, url: str, timeout_s: float = 90.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    def launch(
        self,
        job: str,
        tags: Mapping[str, str],
        mark: str,
        config: Mapping[str, Any] | None = None,
    ) -> Run:
        """Launch a job, or find the run that was launched under the same mark.

        Args:
            tags: Of the run; ``dagster/partition`` chooses the partition.
            mark: What makes it the same run, kept as :data:`WORKFLOW_TAG`.
            config: Of the run, as in ``{"ops": {...}}``.

        Raises:
            BadInputError: there is no such job.
            PermanentError: Dagster refuses.
            TransientError: Dagster is away.
        """
        found = self._ask(_FIND, {"filter": {"tags": [{"key": WORKFLOW_TAG, "value": mark}]}})
        results = found["runsOrError"].get("results") or []
        if results:
            return Run(results[0]["runId"], results[0]["status"])
        every = {**tags, WORKFLOW_TAG: mark}
        params = {
            "selector": self._job(job),
            "runConfigData": dict(config or {}),
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in every.items()]
            },
        }
        answer = self._ask(_LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            said = answer.get("message") or answer.get("errors") or answer["__typename"]
            raise PermanentError(f"Dagster did not launch {job}: {said}", f"See {self.url}.")
        return Run(answer["run"]["runId"], answer["run"]["status"])

    def look(self, run_id: str) -> Run:
        """How a run goes.

        Raises:
            PermanentError: there is no such run.
            TransientError: Dagster is away.
        """
        answer = self._ask(_LOOK, {"id": run_id})["runOrError"]
        if answer["__typename"] != "Run":
            raise PermanentError(
                f"Dagster at {self.url} has no run {run_id}.",
                "It was deleted; start the work again.",
            )
        return Run(answer["runId"], answer["status"])

    def end(self, run_id: str) -> None:
        """Have a run canceled."""
        self._ask(_END, {"id": run_id})

    def _job(self, name: str) -> dict[str, str]:
        answer = self._ask(_WHERE, {})["repositoriesOrError"]
        for node in answer.get("nodes") or []:
            if any(job["name"] == name for job in node["pipelines"]):
                return {
                    "repositoryName": node["name"],
                    "repositoryLocationName": node["location"]["name"],
                    "pipelineName": name,
                }
        raise BadInputError(
            f"Dagster at {self.url} has no job {name!r}.", "Its page lists the jobs there are."
        )

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        import requests

        try:
            answer = requests.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                timeout=self._timeout_s,
            )
        except requests.RequestException as error:
            raise TransientError(
                f"Dagster at {self.url} cannot be reached ({type(error).__name__}).",
                "Start it with `jarvis up`, or check workflow.dagster_url.",
            ) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TransientError(
                f"Dagster at {self.url} answered {answer.status_code}.", "Read the webserver's log."
            )
        try:
            content: dict[str, Any] = answer.json()
        except ValueError:
            content = {}
        if answer.status_code >= 400 or content.get("data") is None:
            said = content.get("errors") or f"status {answer.status_code}"
            raise PermanentError(
                f"Dagster at {self.url} refused a question: {said}", "Check workflow.dagster_url."
            )
        data: dict[str, Any] = content["data"]
        return data
