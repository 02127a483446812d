"""The end of a process that used Temporal's SDK.

Belongs here: ending without the interpreter's own teardown. Does not belong here: what a process
has to finish before.

Threads of the SDK may still give back an answer while the interpreter is taken down, which ends the
process with signal 6 or 11 (temporalio/sdk-python#300), whatever it had done: of 120 processes that
asked once and closed everything, five ended so on a busy machine.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from typing import NoReturn

__all__ = ["begun", "finish", "leave"]

begun = threading.Event()
"""Whether the process ends by ``leave``: nothing needs to wait for the SDK's threads."""
_SDK = "temporalio.bridge.temporal_sdk_bridge"


def finish(code: int) -> NoReturn:
    """End as usual: what was to run at exit runs, and threads are waited for."""
    if _SDK not in sys.modules:
        sys.exit(code)
    begun.set()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    leave(code)


def leave(code: int) -> NoReturn:
    """End at once; everything has to be closed and written by now."""
    logging.shutdown()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
