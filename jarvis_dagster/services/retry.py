"""The one retry policy of the services: capped exponential, transient errors only.

Belongs here: the tenacity policy. Does not belong here: deciding what is
transient; each service translates its client's errors into the error tree.
"""

from __future__ import annotations

import logging

import tenacity

from jarvis_dagster.errors import TransientError

__all__ = ["retrying"]

_LOG = logging.getLogger(__name__)


def retrying(
    attempts: int,
    *,
    first_wait_s: float = 0.2,
    max_wait_s: float = 10.0,
    longest_asked_s: float = 60.0,
) -> tenacity.Retrying:
    """A policy that calls at most ``attempts`` times and re-raises the last error.

    A server that asks to wait (``TransientError.retry_after_s``) is waited for.
    If it asks for more than ``longest_asked_s``, the error is raised at once:
    asking sooner would be refused, and waiting would hold up everything else.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, TransientError) and _asked_s(error) <= longest_asked_s
        ),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_combine(
            tenacity.wait_exponential(multiplier=first_wait_s, max=max_wait_s),
            tenacity.wait_random(0, first_wait_s),
            tenacity.wait_exception(_asked_s),
        ),
        before_sleep=_tell,
        reraise=True,
    )


def _tell(state: tenacity.RetryCallState) -> None:
    """Say what failed, and when it is tried again."""
    if state.outcome is not None and state.next_action is not None:
        error = state.outcome.exception()
        what = error.what if isinstance(error, TransientError) else str(error)
        _LOG.warning("%s Trying again in %.1f s.", what, state.next_action.sleep)


def _asked_s(error: BaseException) -> float:
    """How long the server asked to wait."""
    return getattr(error, "retry_after_s", None) or 0.0
