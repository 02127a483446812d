"""Toolchain: datasets and the training of the models.

Belongs here: the component on top of the core services. Does not belong here: what a training
does (``toolchain``), the workflow that does it (``workflows/training``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Toolchain"]

_HOW = ("by", "decide")


class Toolchain(TSAIComponent):
    """Trains models by workflows."""

    def __init__(self, jarvis_core: JarvisCoreServices) -> None:
        super().__init__("toolchain", jarvis_core)

    def run_hockey_detection_pipeline(self, config: Mapping[str, Any]) -> str:
        """Start data preparation, training, evaluation and deployment of a detector.

        Deployment registers the model as the challenger; promotion is decided elsewhere. The
        same configuration of the same content is one workflow.

        Args:
            config: ``dataset`` (``NAME``, ``NAME@NUMBER``, ``NAME@VERSION``), and maybe
                ``test`` and ``validation`` (videos), ``options`` (steps, seed …) and
                ``accept_errors``; ``by``: ``dagster`` has Dagster's job train, with its lineage;
                ``decide``: whether Dagster decides afterwards about the promotion.

        Returns:
            The workflow's id; ``get_workflow_status`` tells how far it is.

        Raises:
            BadInputError: there is no such dataset, or the configuration is wrong.
        """
        from jarvis_dagster.toolchain.pipeline import exact_request

        how = {name: config[name] for name in _HOW if config.get(name)}
        given = {name: value for name, value in config.items() if name not in _HOW}
        request = exact_request(
            {**given, "pipeline": "hockey-detection"}, self.jarvis_core.storage_service
        )
        del request["pipeline"]
        return self.start_workflow("hockey-detection", {**request, **how})
