"""What a workflow raised, as people are told it.

Belongs here: pure functions of what Temporal raises or reports. Does not belong here: errors of
calls to Temporal (``connection.py``).
"""

from __future__ import annotations

from jarvis_dagster import errors
from jarvis_dagster.errors import JarvisError, PermanentError

__all__ = ["raised", "reason"]


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
