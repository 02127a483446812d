"""The errors that every part of Jarvis raises.

Belongs here: the small tree that tells a transient failure from a permanent
one, each carrying what happened and what to do about it. Does not belong here:
anything that handles errors (retries, exit codes, quarantine).
"""

from __future__ import annotations

__all__ = [
    "AccessDeniedError",
    "BadInputError",
    "BadVideoError",
    "ConfigError",
    "ConflictError",
    "JarvisError",
    "NoRoomError",
    "NotSupportedError",
    "PermanentError",
    "TokenExpiredError",
    "TransientError",
    "UnusableNameError",
]


class JarvisError(Exception):
    """Something failed, with a remedy.

    Args:
        what: One sentence that names the thing and what is wrong with it.
        remedy: One sentence that says what a person can do. May be empty.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what if not remedy else f"{what} {remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[JarvisError], tuple[str, str]]:
        return type(self), (self.what, self.remedy)


class TransientError(JarvisError):
    """May succeed when tried again: an outage, a timeout, a busy server.

    Args:
        retry_after_s: How long the server asks to wait; None where it did not say.
    """

    def __init__(self, what: str, remedy: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(what, remedy)
        self.retry_after_s = retry_after_s


class PermanentError(JarvisError):
    """Will fail again in the same way; it is tried once."""


class ConflictError(PermanentError):
    """Somebody else was there first or changed it meanwhile; nothing was changed."""


class AccessDeniedError(PermanentError):
    """Who asks may not do this; nothing was done."""


class TokenExpiredError(PermanentError):
    """A provider no longer knows a change token: everything has to be listed again."""


class BadInputError(PermanentError):
    """A file, folder or argument that cannot be used; the message names it."""


class UnusableNameError(BadInputError):
    """A name that a place cannot hold; another may do."""


class BadVideoError(BadInputError):
    """A file that is not a video that can be analysed."""


class ConfigError(PermanentError):
    """A setting that is unknown, missing or of the wrong type."""


class NotSupportedError(PermanentError):
    """The footage, provider or machine cannot do this; nothing was guessed."""


class NoRoomError(PermanentError):
    """A disk is too full; when it has room again, the same works."""
