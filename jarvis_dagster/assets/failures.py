"""How an asset fails: a transient failure is tried again, any other once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.disk import is_full_disk, require_room
from jarvis_dagster.errors import NoRoomError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["failures", "failures_of_upkeep"]

_MOST_RETRIES = 3
_FIRST_WAIT_S = 2
_UPKEEP_WAITS_S = 300


@contextlib.contextmanager
def failures(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Tell Dagster which errors are worth another try.

    It waits 2, 4 and 8 seconds after a :class:`TransientError`. A
    :class:`PermanentError` is a failure with its remedy, and a programming
    error is what it is; neither is tried again. A full disk is a permanent
    failure, whatever it made of the work.
    """
    try:
        with _full_disk_is_permanent(context):
            yield
    except TransientError as error:
        context.log.warning(str(error))
        raise dg.RetryRequested(
            max_retries=_MOST_RETRIES, seconds_to_wait=_FIRST_WAIT_S * 2**context.retry_number
        ) from error
    except PermanentError as error:
        raise _final(error) from error


@contextlib.contextmanager
def failures_of_upkeep(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> Iterator[None]:
    """An outage, or another backup at work, is worth another try; a refusal is not."""
    try:
        yield
    except TransientError as error:
        context.log.warning(str(error))
        raise dg.RetryRequested(
            max_retries=_MOST_RETRIES, seconds_to_wait=_UPKEEP_WAITS_S
        ) from error
    except PermanentError as error:
        raise _final(error) from error


def _final(error: PermanentError) -> dg.Failure:
    """A failure with its remedy, which is not tried again."""
    return dg.Failure(
        description=str(error),
        metadata={"what": error.what, "remedy": error.remedy},
        allow_retries=False,
    )


@contextlib.contextmanager
def _full_disk_is_permanent(context: dg.AssetExecutionContext) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if is_full_disk(error) or isinstance(error, TransientError):
            require_room(context.resources.workspace.settings)
        if is_full_disk(error):
            raise NoRoomError(
                f"No space is left on a disk ({error}).",
                "Free some space, then try again; nothing that was delivered is lost.",
            ) from error
        raise
