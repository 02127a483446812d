"""The workflow service: work that lasts, in Temporal."""

from jarvis_dagster.services.workflow.config import WorkflowConfig
from jarvis_dagster.services.workflow.service import WORKFLOWS, JarvisWorkflowService

__all__ = ["WORKFLOWS", "JarvisWorkflowService", "WorkflowConfig"]
