"""What a dead service takes down.

Belongs here: what each part of Jarvis needs. Does not belong here: asking whether it works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["NEEDS", "stands_still"]

NEEDS: dict[str, tuple[str, ...]] = {
    "taking uploads from the drive": ("client_storage",),
    "analysing videos": ("client_storage", "storage"),
    "delivering results": ("client_storage", "storage"),
    "backups": ("storage",),
    "training and comparing models": ("storage", "experiment"),
    "promoting models": ("storage", "experiment"),
    "workflows and approvals": ("storage", "workflow"),
    "what waits for a person": ("approval", "security"),
    "metrics": ("analytics",),
    "messages to people": ("notification",),
    "signing in": ("security",),
}
"""What people know, and the services that it cannot do without."""


def stands_still(down: Collection[str]) -> list[str]:
    """What does not go on while the services ``down`` do not answer."""
    return [what for what, needed in NEEDS.items() if set(needed) & set(down)]
