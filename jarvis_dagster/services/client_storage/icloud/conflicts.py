"""Why a change in iCloud Drive did not come about.

Belongs here: the errors, in words. Does not belong here: making changes
(``changing.py``), errors of the connection and the account (``faults.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, JarvisError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud.faults import GoneError

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.icloud.nodes import Node

__all__ = ["TakenError", "changed", "gone", "not_done", "taken"]


class TakenError(ConflictError):
    """iCloud did not give a node the name that was asked for."""


def changed(path: str) -> ConflictError:
    """Somebody else changed a file since it was looked at."""
    return ConflictError(f"{path} was changed by somebody else.", "Look at what it is now.")


def taken(name: str, folder: Node) -> ConflictError:
    """There is another file of that name, and no other name will do."""
    where = folder.path or "the drive"
    return ConflictError(f"There is another {name} in {where}.", "Take another name.")


def gone(node: Node) -> GoneError:
    """It is no longer where it was."""
    return GoneError(f"{node.path} is not in iCloud Drive any more.")


def not_done(what: str, status: str) -> JarvisError:
    """The error for a change that iCloud answered with ``status``, and that cannot be seen."""
    if status in ("OK", "ETAG_CONFLICT") or status.lower() == "unknown":
        # Somebody else changed it meanwhile, or iCloud is behind: look again.
        return TransientError(f"iCloud did not {what} at once.", "Try again later.")
    return PermanentError(f"iCloud refused to {what} ({status}).", "Look at it at icloud.com.")
