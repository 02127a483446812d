"""What all activities share: heartbeats and the translation of errors.

Belongs here: the way between Jarvis' errors and Temporal's. Does not belong
here: any activity.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime
import threading
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import ActivityInboundInterceptor, Interceptor

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.workflows.deterministic import HANDED_BACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporalio.worker import ExecuteActivityInput

__all__ = ["Deaf", "Heart", "failures_for_temporal", "hand_back", "handed_back"]

_EVERY_S = 5.0


class Heart:
    """Tells Temporal that an activity lives, and how far it is.

    A thread repeats the last figures, because some steps compute for minutes
    without a word. Used as a context manager around the whole activity.
    """

    def __init__(self) -> None:
        self._details = (0, 0)
        self._stop = threading.Event()
        timeout = activity.info().heartbeat_timeout
        self._every_s = min(_EVERY_S, timeout.total_seconds() / 4) if timeout else _EVERY_S
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._beat,), name="jarvis-heartbeat", daemon=True
        )

    def __enter__(self) -> Heart:
        # A thread that is not yet itself passes for its parent: an exception that is meant for this
        # one would end it unborn, and be waited for for ever.
        try:
            with activity.shield_thread_cancel_exception():
                self._thread.start()
        except BaseException:
            self._stop.set()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def progress(self, done: int, total: int) -> None:
        """As the functions of ``hockey`` call it."""
        self._details = (done, total)

    def _beat(self) -> None:
        while True:
            try:
                activity.heartbeat(*self._details)
            except TimeoutError:
                pass  # the worker was held, or is late: the next beat is heard again
            except RuntimeError:
                return  # the worker has ended, and this step has not heard of it
            if self._stop.wait(self._every_s):
                return


@contextlib.contextmanager
def failures_for_temporal() -> Iterator[None]:
    """Tells Temporal of a step's failures what its retry policy cannot know.

    A permanent error is tried once. A step that was ended because its worker stops is handed back.
    """
    try:
        yield
    except PermanentError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
    except (CancelledError, asyncio.CancelledError) as error:
        why = activity.cancellation_details()
        if why is None:  # nobody cancelled it: the worker's event loop ends
            stopped = isinstance(error, asyncio.CancelledError)
        else:
            stopped = why.worker_shutdown and not why.cancel_requested
        if stopped:
            raise handed_back() from None
        raise


def hand_back() -> None:
    """End a step that may be begun again elsewhere, where this worker is told to stop.

    Raises:
        ApplicationError: it is; another worker takes the step at once.
    """
    if activity.is_worker_shutdown():
        raise handed_back()
    if activity.is_cancelled():  # a thread is not stopped from outside
        raise CancelledError("It was cancelled.")


def handed_back() -> ApplicationError:
    """The failure of a step that another worker is to take at once.

    Temporal counts each try. Where their number is limited the workflow is told how many failed
    before, and begins the step anew with what is left (``deterministic.carry_out``).
    """
    now = activity.info()
    limited = now.retry_policy is None or now.retry_policy.maximum_attempts > 0
    return ApplicationError(
        "The worker stops; another takes this step.",
        now.attempt - 1,
        type=HANDED_BACK,
        non_retryable=limited,
        next_retry_delay=datetime.timedelta(milliseconds=1),  # zero is taken for none
    )


class Deaf(Interceptor):
    """Hands a step back that does not hear that its worker ends, as its thread goes on unseen."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Tell Temporal what the end of the worker's event loop means."""
        return _HandedBack(next)


class _HandedBack(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        with failures_for_temporal():
            return await super().execute_activity(input)
