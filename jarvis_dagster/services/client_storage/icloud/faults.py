"""What went wrong at iCloud, in the words of Jarvis.

Belongs here: deciding which errors heal by themselves, and the remedies of the
others. Does not belong here: trying again (``client.py``). Nothing that iCloud
or pyicloud said is repeated: their texts hold tokens and numbers of accounts.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "GoneError",
    "SessionExpiredError",
    "SignInRefusedError",
    "explained",
    "from_status",
    "icloud_errors",
]

_EXPIRED = {401, 421, 450}
_BUSY = {408, 409, 423, 425, 429}
_FULL = {413, 507}
_FULL_WORDS = re.compile(
    r"quota.?exceed|exceed\w*.?quota|(insufficient|not.?enough).{0,9}(storage|space)", re.IGNORECASE
)
_THROTTLED_S = 300.0  # what pyicloud calls a few minutes


class SessionExpiredError(PermanentError):
    """iCloud does not know the session any more; a fresh connection may help."""


class SignInRefusedError(PermanentError):
    """The password, the code or the account was refused."""


class GoneError(BadInputError):
    """What was asked for is not there."""


@contextlib.contextmanager
def icloud_errors(what: str) -> Iterator[None]:
    """Errors of pyicloud, and answers that it cannot read, as errors of Jarvis.

    Args:
        what: Of which file or folder, or which service.
    """
    try:
        yield
    except JarvisError:
        raise
    except Exception as error:
        known = explained(error, what)
        if known is None:
            raise
        raise known from None  # its own text may hold secrets


def explained(error: Exception, what: str) -> JarvisError | None:
    """The error of Jarvis for one of pyicloud; None for one that is neither's."""
    import requests
    from pyicloud import exceptions as apple

    found: JarvisError | None = None
    if isinstance(error, apple.PyiCloudAPIResponseException):
        found = _answered(error, what)
    elif isinstance(error, apple.PyiCloudException):
        found = _refused(error, what)
    elif isinstance(error, (requests.RequestException, ConnectionError, TimeoutError)):
        found = _unreachable(what)
    elif isinstance(error, (ValueError, LookupError, TypeError, AttributeError)):
        found = TransientError(
            f"iCloud answered with something else than was asked for ({what}).", "Try again later."
        )
    return found


def _refused(error: Exception, what: str) -> JarvisError:
    """What pyicloud itself decided."""
    from pyicloud import exceptions as apple

    kinds: dict[type[Exception], JarvisError] = {
        apple.PyiCloudAccountLockedException: PermanentError(
            "Apple has locked the account.", "Unlock it at https://iforgot.apple.com."
        ),
        apple.PyiCloudAcceptTermsException: PermanentError(
            "Apple asks for new terms to be accepted.",
            "Accept them at https://www.icloud.com, or set `accept_terms`.",
        ),
        apple.PyiCloudFailedLoginException: SignInRefusedError(
            "Apple did not accept the sign-in.", "Check the password."
        ),
        apple.PyiCloud2FARequiredException: _ended(),
        apple.PyiCloud2SARequiredException: _ended(),
        apple.PyiCloudAuthRequiredException: _ended(),
        apple.TokenException: _ended(),
        apple.PyiCloudServiceUnavailable: _not_offered(),
    }
    name = type(error).__name__
    other = PermanentError(
        f"iCloud cannot be used for {what} ({name}).",
        "Look at https://www.icloud.com whether the account is well.",
    )
    return next((known for kind, known in kinds.items() if isinstance(error, kind)), other)


def _answered(error: Any, what: str) -> JarvisError:
    """What iCloud answered, or that it did not."""
    from pyicloud import base
    from pyicloud import exceptions as apple

    found: JarvisError
    if "CERTIFICATE_VERIFY_FAILED" in repr(error.__cause__):
        found = PermanentError(
            "The server's certificate is not trusted.",
            "Check the clock, a proxy in between, and `ca_file`.",
        )
    elif error.reason == base.PCS_ACCESS_ERROR:
        found = PermanentError(
            "The account has Advanced Data Protection, and no device has let this machine in.",
            "Allow web access on an iPhone, iPad or Mac and sign in again; see"
            " docs/drives/icloud.md.",
        )
    elif isinstance(error, apple.PyiCloudServiceNotActivatedException):
        found = _not_offered()
    elif isinstance(error, apple.PyiCloudEndpointGoneException):
        found = PermanentError(
            "Apple has withdrawn a service that pyicloud calls.", "Install a newer pyicloud."
        )
    elif _says_full(error.code, error.reason, _response_of(error)):
        found = from_status(507, {}, what)
    elif error.code is None:
        found = _unreachable(what)
    elif isinstance(error.code, int):
        response = _response_of(error)
        found = from_status(error.code, {} if response is None else response.headers, what)
    elif error.code == "ACCESS_DENIED":
        found = TransientError(
            f"iCloud refused {what}; it does so when there were too many requests.",
            "Wait some minutes.",
            retry_after_s=_THROTTLED_S,
        )
    else:
        found = PermanentError(
            f"iCloud refused {what} ({error.code}).",
            "Look at https://www.icloud.com whether the account is well.",
        )
    return found


def _says_full(*said: Any) -> bool:
    """Whether iCloud says that there is no room, in one of the places where it may."""
    return any(_FULL_WORDS.search(str(getattr(part, "text", part))) for part in said)


def full_answer(text: str) -> JarvisError | None:
    """The error for an answer that says in its text alone that there is no room."""
    return from_status(507, {}, "") if _says_full(text) else None


def _response_of(error: Any) -> Any:
    """The answer; pyicloud keeps it here or there."""
    here, below = error.response, getattr(error.__cause__, "response", None)
    return below if here is None else here


def from_status(status: int, headers: Mapping[str, str], what: str) -> JarvisError:
    """The error for an HTTP status that is one."""
    if status in _EXPIRED:
        return _ended()
    if status in _FULL:
        return PermanentError("The iCloud storage is full.", "Make room, or buy more.")
    if status in {404, 416}:
        return GoneError(f"{what} is not in iCloud Drive any more.")
    if status in _BUSY or status >= 500:
        return TransientError(
            f"iCloud is busy ({status}, {what}).",
            "Try again later.",
            retry_after_s=_retry_after_s(headers.get("Retry-After")),
        )
    return PermanentError(
        f"iCloud refused {what} ({status}).",
        "Look at https://www.icloud.com whether the account is well.",
    )


def _ended() -> SessionExpiredError:
    return SessionExpiredError("The iCloud session has ended.", "Sign in: `jarvis drive login`.")


def _unreachable(what: str) -> TransientError:
    return TransientError(
        f"iCloud cannot be reached, or broke off ({what}).", "Check the connection."
    )


def _not_offered() -> PermanentError:
    return PermanentError(
        "iCloud does not offer its Drive to this account on the web.",
        "Sign in at https://www.icloud.com once, and turn on 'Access iCloud Data on the Web' on"
        " a device.",
    )


def _retry_after_s(text: str | None) -> float | None:
    """Seconds, or the time until a date, from a Retry-After header."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        return max(float(text), 0.0)
    with contextlib.suppress(ValueError):
        until = email.utils.parsedate_to_datetime(text)
        return max((until - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
    return None
