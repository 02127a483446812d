"""What OneDrive answers when it refuses, as errors of Jarvis.

Belongs here: the meaning of each status and code of Microsoft Graph's errors
(https://learn.microsoft.com/graph/errors). Does not belong here: requests, retries.
"""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    JarvisError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ForbiddenError",
    "MalformedError",
    "ModifiedError",
    "NameTakenError",
    "NotFoundError",
    "fault",
    "retry_after_s",
]

_BUSY_STATUS = {408, 429, 500, 502, 503, 504, 509}
_BUSY_CODES = {"activityLimitReached", "serviceNotAvailable", "throttledRequest"}
_FULL_CODES = {"quotaLimitReached", "insufficientStorage"}
_HARMFUL_CODES = {"malwareDetected", "virusSuspicious"}


class NotFoundError(BadInputError):
    """There is nothing of that id, or nothing that this account may see."""


class MalformedError(BadInputError):
    """The service cannot make sense of the id or the request."""


class ForbiddenError(PermanentError):
    """The account has not the rights for it."""


class NameTakenError(ConflictError):
    """The folder has something of that name already."""


class ModifiedError(ConflictError):
    """It is no longer what it was when it was looked at."""


def fault(status: int, headers: Mapping[str, str], body: Any, what: str) -> JarvisError:
    """The error of an answer that is none of 2xx.

    Args:
        body: The decoded JSON, or None. Only its codes are told: messages of
            the service may hold addresses that are secret.
        what: What was asked for, in words that a person knows.
    """
    codes = _codes(body)
    told = f"{what} ({status}{', ' + codes[0] if codes else ''})."
    if status == 507 or _FULL_CODES & set(codes):
        return PermanentError(f"OneDrive is full: {told}", "Make room or get more storage.")
    if status in _BUSY_STATUS or _BUSY_CODES & set(codes):
        wait_s = retry_after_s(headers.get("Retry-After"))
        return TransientError(f"OneDrive is busy: {told}", "Try again.", retry_after_s=wait_s)
    if _HARMFUL_CODES & set(codes):
        return PermanentError(f"OneDrive holds it for harmful: {told}", "Look at the file there.")
    if status == 409:
        if "nameAlreadyExists" in codes:
            return NameTakenError(f"The name is taken: {told}", "Take another name.")
        return ModifiedError(f"Somebody else changes it: {told}", "Look at what it is now.")
    known = {
        400: MalformedError(f"OneDrive does not understand: {told}", "Check the id and the name."),
        403: ForbiddenError(f"OneDrive refuses: {told}", "Give the account the rights for it."),
        404: NotFoundError(f"OneDrive does not have it: {told}"),
        410: TokenExpiredError(f"OneDrive forgot the token: {told}", "List everything again."),
        412: ModifiedError(f"It was changed by somebody else: {told}", "Look at what it is now."),
        423: TransientError(f"It is locked by somebody who edits it: {told}", "Try again later."),
    }
    return known.get(status) or PermanentError(
        f"OneDrive refuses: {told}", "Look at it in OneDrive itself."
    )


def retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which tells seconds or a date; None for neither."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value.strip()):
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max((when - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)


def _codes(body: Any) -> list[str]:
    """The codes of an error, from the general to the most detailed."""
    found: list[str] = []
    error = body.get("error") if isinstance(body, dict) else None
    while isinstance(error, dict) and len(found) < 10:
        code = error.get("code")
        if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.\-]{1,60}", code):
            found.append(code)
        error = error.get("innererror") or error.get("innerError")
    return found
