"""The workflow service: work that lasts, in Temporal."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.workflow.config import WorkflowConfig
    from jarvis_dagster.services.workflow.names import WORKFLOWS
    from jarvis_dagster.services.workflow.service import JarvisWorkflowService

__all__ = ["WORKFLOWS", "JarvisWorkflowService", "WorkflowConfig"]

__getattr__ = lazily(
    __name__,
    {
        "JarvisWorkflowService": "service",
        "WORKFLOWS": "names",
        "WorkflowConfig": "config",
    },
)
