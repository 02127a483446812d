"""What one training is asked to do, and what it is made of once its data is known.

Belongs here: the request, the job, the id that makes a retry the same work. Does not belong
here: doing it (``pipeline``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pydantic

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import Split

__all__ = ["Job", "Request", "read_request"]


class Request(pydantic.BaseModel):
    """What a person, an asset or a workflow asks for."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    pipeline: str = pydantic.Field(description="hockey-detection or another one.")
    dataset: str = pydantic.Field(description="NAME, NAME@NUMBER or NAME@VERSION.")
    test: tuple[str, ...] = pydantic.Field((), description="Videos that judge the model.")
    validation: tuple[str, ...] = pydantic.Field((), description="Videos to choose by.")
    options: dict[str, Any] = pydantic.Field(
        default_factory=dict, description="Of the pipeline: steps, seed and the like."
    )
    accept_errors: bool = pydantic.Field(
        False, description="Train in spite of errors that the check of the dataset found."
    )


def read_request(content: dict[str, Any]) -> Request:
    """A request from JSON.

    Raises:
        BadInputError: a key that is unknown, missing or of the wrong type; it is named.
    """
    try:
        return Request.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInputError(
            f"{where} of the training is wrong: {first['msg']}.",
            f"Give {', '.join(Request.model_fields)}.",
        ) from None


@dataclasses.dataclass(frozen=True)
class Job:
    """One training, down to the bytes it learns from."""

    pipeline: str
    dataset: str
    """``NAME@VERSION``."""
    split: Split
    options: dict[str, Any]

    @property
    def id(self) -> str:
        """The same work asked twice has the same id."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def judged_on(self) -> tuple[str, ...]:
        """The videos that decide: the test's, or the validation's where there is no test."""
        return self.split.test or self.split.validation

    def to_json(self) -> dict[str, Any]:
        """For workflows and the store."""
        return {
            "pipeline": self.pipeline,
            "dataset": self.dataset,
            "split": self.split.to_json(),
            "options": self.options,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Job:
        """Back from :meth:`to_json`."""
        split = Split.from_json(content["split"])
        return cls(content["pipeline"], content["dataset"], split, dict(content["options"]))
