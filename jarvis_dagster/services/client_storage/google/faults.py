"""What went wrong at Google, as errors of Jarvis.

Belongs here: which failures pass by themselves and which do not, in plain
words. Does not belong here: retrying (``api.py``).

The two tables are those of Google's "Resolve errors" guide; what it says may
be tried again is transient, everything else is refused once and for all.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
import ssl
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import (
    BadInputError,
    JarvisError,
    NotSupportedError,
    PermanentError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["damaged", "status_of", "translated"]

# What the client library stumbles over in an answer that is not what was promised.
_NONSENSE = (ValueError, LookupError, TypeError, AttributeError)
_BUSY = {"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"}
_BUSY |= {"RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "transientError"}
_REMEDIES = {
    "storageQuotaExceeded": "Free some space, or use a shared drive.",
    "teamDriveFileLimitExceeded": "Remove files from the shared drive.",
    "numChildrenInNonRootLimitExceeded": "Use another folder: this one is full.",
    "dailyLimitExceeded": "Try again tomorrow, or raise the limit in the Google Cloud console.",
    "downloadQuotaExceeded": "It was fetched too often; try again tomorrow.",
    "sharingRateLimitExceeded": "Too much was shared; try again tomorrow.",
    "cannotDownloadAbusiveFile": "Google takes it for malware or spam; its owner can tell Google.",
    "insufficientPermissions": "Sign in again with more access, or change the setting `access`.",
    "insufficientFilePermissions": "Ask the owner for the right to do this.",
    "appNotAuthorizedToFile": "The setting `access` is app_files: this file was not made here.",
    "domainPolicy": "The administrator of the domain does not allow it.",
    "SERVICE_DISABLED": "Enable the Google Drive API in the Google Cloud console.",
    "accessNotConfigured": "Enable the Google Drive API in the Google Cloud console.",
    "invalidSharingRequest": "Use an address that has a Google account.",
}
_UNSUPPORTED = {
    "exportSizeLimitExceeded": "Google exports documents up to 10 MB; export it in the browser.",
    "fileNotExportable": "Google cannot export this kind of document.",
    "fileNotDownloadable": "It has no content of its own.",
    "cannotSetExpiration": "Share it without an end, and take the permission back by hand.",
    "expirationDateNotAllowedForSharedDriveMembers": "Share it without an end.",
    "expirationDatesMustBeInTheFuture": "Name a time in the future.",
}


@contextlib.contextmanager
def translated(what: str, login: str) -> Iterator[None]:
    """Errors of the client library as errors of Jarvis; no other code may run inside.

    Args:
        what: What cannot be done, to start a sentence with: ``clip.mp4 cannot be fetched``.
        login: What to do when the credentials are refused.
    """
    import http.client

    import google.auth.exceptions
    import httplib2  # type: ignore[import-untyped]
    from googleapiclient.errors import HttpError

    try:
        yield
    except HttpError as error:
        raise _refusal(error, what, login) from error
    except google.auth.exceptions.TransportError as error:
        raise _unreachable(what, error) from error
    except google.auth.exceptions.GoogleAuthError as error:
        if getattr(error, "retryable", False):
            raise _unreachable(what, error) from error
        # Without the cause: it quotes what the token server said.
        raise PermanentError(f"{what}: Google refuses the credentials.", login) from None
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(
            f"{what}: the server's certificate is not trusted.", "Check api_endpoint and the clock."
        ) from error
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError) as error:
        raise _unreachable(what, error) from error
    except _NONSENSE as error:
        raise damaged(what) from error


def damaged(what: str) -> TransientError:
    """An answer that was cut off or that makes no sense."""
    return TransientError(f"{what}: Google's answer is damaged.", "Try again later.")


def status_of(error: BaseException) -> int:
    """The HTTP status that an error of Jarvis comes from; 0 where there is none."""
    return int(getattr(getattr(error.__cause__, "resp", None), "status", 0))


def _unreachable(what: str, error: Exception) -> TransientError:
    return TransientError(
        f"{what}: Google Drive does not answer ({type(error).__name__}).", "Try again later."
    )


def _refusal(error: Any, what: str, login: str) -> JarvisError:
    status = int(error.resp.status)
    reason, message = _details(error)
    said = reason or message or "no reason given"
    text = f"{what}: Google says {status} ({said})."
    if status in (408, 429) or (status >= 500 and status != 501) or reason in _BUSY:
        return TransientError(text, "Try again later.", retry_after_s=_retry_after_s(error.resp))
    if reason in _UNSUPPORTED:
        return NotSupportedError(text, _UNSUPPORTED[reason])
    if status < 400:
        return damaged(what)  # such as an upload that is begun nowhere
    if status == 401:
        return PermanentError(text, login)
    if status in (404, 410):
        return BadInputError(text, "It is gone, or this account may not see it.")
    return PermanentError(text, _REMEDIES.get(reason, message if reason else ""))


def _details(error: Any) -> tuple[str, str]:
    """Reason and message of an answer in any of the forms that Google uses."""
    try:
        body = json.loads(error.content)["error"]
        told = [*(body.get("errors") or ()), *(body.get("details") or ())]
        reasons = [str(one["reason"]) for one in told if one.get("reason")]
        return (reasons or [str(body.get("status") or "")])[0], str(body.get("message") or "")
    except (AttributeError, ValueError, KeyError, TypeError, IndexError):
        return "", ""


def _retry_after_s(response: Any) -> float | None:
    """``Retry-After`` as seconds from now, whether it is a number or a date."""
    value = str(response.get("retry-after", ""))
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=datetime.UTC)
    return max((until - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
