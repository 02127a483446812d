"""What all parts of the workflow service stand on.

Belongs here: the connection, and how what a workflow raised becomes an error of Jarvis. Does
not belong here: any call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster import errors
from jarvis_dagster.errors import JarvisError, PermanentError
from jarvis_dagster.services.workflow.connection import Temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow.config import WorkflowConfig

__all__ = ["Connected", "raised", "reason"]


class Connected:
    """A connection to Temporal. Nothing connects before the first call; thread-safe.

    Args:
        storage: Makes the storage service, where large inputs and results are kept; None
            keeps them in Temporal.
    """

    def __init__(
        self,
        config: WorkflowConfig,
        storage: Callable[[], JarvisStorageService] | None = None,
    ) -> None:
        self.config = config
        self._temporal = Temporal(config, storage)

    def close(self) -> None:
        """Close the connection and end the thread that serves it."""
        self._temporal.close()


def reason(error: BaseException | None) -> str:
    """The message of the first cause."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "message", "") or error) if error is not None else ""


def raised(error: BaseException | None, otherwise: str) -> JarvisError:
    """What a workflow raised as the error of Jarvis that it was, else a permanent one."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    name, said = str(getattr(error, "type", "")), reason(error)
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    return (kind or PermanentError)(said or otherwise)
