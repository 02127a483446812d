"""How an asset fails: a permanent failure is tried once, a transient one again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TRANSIENT_RETRIES", "permanent_failures"]

TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL)


@contextlib.contextmanager
def permanent_failures() -> Iterator[None]:
    """Turn a :class:`PermanentError` into a Dagster failure that nothing retries."""
    try:
        yield
    except PermanentError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"what": error.what, "remedy": error.remedy},
            allow_retries=False,
        ) from error
