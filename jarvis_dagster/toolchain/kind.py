"""What a training pipeline must know.

Belongs here: the types that pipelines and their callers share. Does not belong here: any
pipeline, and the list of them (``kinds.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jarvis_dagster.hockey.datasets import Dataset
    from jarvis_dagster.toolchain.job import Job

    Progress = Callable[[int, int], None]
    Report = Callable[[Mapping[str, float], int], None]

__all__ = ["Evaluation", "Kind", "checked_options"]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How good a model is on videos that it was not trained on."""

    metrics: dict[str, float]
    """Over all pictures, by name; what MLflow keeps."""
    by_video: dict[str, dict[str, float]]
    confusion: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    draw_errors: Callable[[Path], list[tuple[Path, str]]] | None = None
    """Writes pictures of the worst errors into a folder; returns each with its caption."""

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return {"metrics": self.metrics, "by_video": self.by_video, "confusion": self.confusion}


class Kind(Protocol):
    """One pipeline."""

    name: str
    model: str
    """Name in the registry."""
    file: str
    """Name of the model's file."""
    figure: str
    """The metric that decides; more is better."""
    defaults: Mapping[str, Any]
    """Its options."""
    space: Mapping[str, Any]
    """Options worth a search: a list of values, or a pair of numbers, on a log scale above 0."""

    def train(
        self, job: Job, data: Dataset, out: Path, *, report: Report, progress: Progress
    ) -> Path:
        """Train on the training part into ``out``, going on from a checkpoint there.

        Args:
            data: As the store fetched it: a YOLO folder on this machine.
            report: Called with metrics and the step they are of.

        Returns:
            The model's file.
        """
        ...

    def evaluate(self, model: Path | None, data: Dataset, *, progress: Progress) -> Evaluation:
        """Measure on all of ``data``; None is what the product does without the model."""
        ...


def checked_options(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over the defaults.

    Raises:
        BadInputError: an option that the pipeline does not have, or of the wrong type.
    """
    unknown = sorted(set(given) - set(kind.defaults))
    if unknown:
        raise BadInputError(
            f"{kind.name} has no option {', '.join(unknown)}.",
            f"It has: {', '.join(sorted(kind.defaults))}.",
        )
    for name, value in given.items():
        default = kind.defaults[name]
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        fits = (
            numeric and (isinstance(default, float) or isinstance(value, int))
            if isinstance(default, int | float) and not isinstance(default, bool)
            else isinstance(value, type(default))
        )
        if not fits or (numeric and value < 0):
            raise BadInputError(
                f"The option {name} of {kind.name} cannot be {value!r}.",
                f"By default it is {default!r}.",
            )
    return {**kind.defaults, **given}
