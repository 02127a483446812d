"""An event loop in a thread of its own, for synchronous callers.

Belongs here: running coroutines from synchronous code, and ending the thread
before the interpreter does. Does not belong here: Temporal.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import functools
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from jarvis_dagster import leaving
from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["LoopThread"]

T = TypeVar("T")

_OPEN: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_PAUSE_S = 0.2


class LoopThread:
    """A loop that starts at its first use and ends with :meth:`close` or the interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._end: weakref.finalize[Any, Any] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None) -> T:
        """The coroutine's result.

        Raises:
            TransientError: it took longer than ``timeout_s``; it is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TransientError(
                f"There was no answer within {timeout_s:g} s.", "Try again, or wait longer."
            ) from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread; a later :meth:`run` starts another."""
        with self._lock:
            if self._end is not None and self._pid == os.getpid():
                self._end()
            self._loop = self._end = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():  # threads do not survive a fork
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=loop.run_forever, name="jarvis-workflow", daemon=True
                )
                thread.start()
                # Also runs at exit: a loop that is still at work while the
                # interpreter is taken down crashes it now and then.
                self._end = weakref.finalize(self, _end, loop, thread)
                self._loop, self._pid = loop, os.getpid()
                _OPEN.add(self)
                _be_calm_at_exit()
            return self._loop


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if not loop.is_running():  # in a forked child
        return

    async def cancel_all() -> None:
        tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(cancel_all(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    if not thread.is_alive():
        loop.close()


@functools.cache
def _be_calm_at_exit() -> None:
    atexit.register(_calm_down)


def _calm_down() -> None:
    """Threads of the SDK that still give back an answer would crash the interpreter's end."""
    for one in list(_OPEN):
        one.close()
    if not leaving.begun.is_set():
        time.sleep(_PAUSE_S)
