"""What every part of the experiment service stands on.

Belongs here: the connection and the settings. Does not belong here: anything that is
recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.experiment.client import Mlflow

if TYPE_CHECKING:
    from jarvis_dagster.services.experiment.config import ExperimentConfig

__all__ = ["Connected"]


class Connected:
    """One MLflow server; nothing connects before the first call."""

    def __init__(self, config: ExperimentConfig) -> None:
        self.config = config
        self._mlflow = Mlflow(config)

    def close(self) -> None:
        """Forget the connection; open runs stay open."""
        self._mlflow.close()

    def check(self) -> None:
        """Return when MLflow answers; otherwise raise with a remedy."""
        self._mlflow.call("a look", lambda c: c.search_experiments(max_results=1), attempts=1)
