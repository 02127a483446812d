"""Reading ahead: one thread prepares pictures while another one uses them.

Belongs here: the hand-over. Does not belong here: what is prepared. Decoding, scaling, drawing
and inference all let go of Python's lock, so two threads keep two cores busy.
"""

from __future__ import annotations

import contextlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["ahead"]

T = TypeVar("T")
_END = object()


def ahead(items: Generator[T, None, None], depth: int = 4) -> Iterator[T]:
    """The same items in the same order, made in a thread of their own.

    At most ``depth`` items exist at a time, so memory stays bounded. What ``items`` raises is
    raised here; when the caller stops early, ``items`` is closed and its thread has ended.
    """
    room, stopped = threading.Semaphore(depth), threading.Event()
    made: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()

    def make() -> None:
        try:
            with contextlib.closing(items):
                item: object = None
                while item is not _END:
                    room.acquire()
                    if stopped.is_set():
                        return
                    item = next(items, _END)
                    made.put((item, None))
        except BaseException as error:  # noqa: BLE001 - raised again where the items are used
            made.put((_END, error))

    thread = threading.Thread(target=make, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]
            room.release()
    finally:
        stopped.set()
        room.release()
        thread.join()
