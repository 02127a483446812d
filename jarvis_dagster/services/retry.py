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
    attempts: int, *, first_wait_s: float = 0.2, max_wait_s: float = 10.0
) -> tenacity.Retrying:
    """A policy that calls at most ``attempts`` times and re-raises the last error."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_exponential(multiplier=first_wait_s, max=max_wait_s)
        + tenacity.wait_random(0, first_wait_s),
        before_sleep=tenacity.before_sleep_log(_LOG, logging.WARNING),
        reraise=True,
    )
