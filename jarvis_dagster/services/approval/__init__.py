"""The approval service: what waits until a person says yes."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.approval.approval import Approval, Figure, Shown
    from jarvis_dagster.services.approval.config import KINDS, ApprovalsConfig
    from jarvis_dagster.services.approval.service import JarvisApprovalService

__all__ = [
    "KINDS",
    "Approval",
    "ApprovalsConfig",
    "Figure",
    "JarvisApprovalService",
    "Shown",
]

__getattr__ = lazily(
    __name__,
    {
        "Approval": "approval",
        "Figure": "approval",
        "Shown": "approval",
        "KINDS": "config",
        "ApprovalsConfig": "config",
        "JarvisApprovalService": "service",
    },
)
