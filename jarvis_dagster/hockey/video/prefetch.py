"""Reading ahead: one thread prepares pictures while another one uses them.

Belongs here: the hand-over. Does not belong here: what is prepared. Decoding, scaling, drawing
and inference all let go of Python's lock, so two threads keep two cores busy.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

__all__ = ["ahead", "by_several"]

T = TypeVar("T")
R = TypeVar("R")
_END = object()


def ahead(items: Generator[T, None, None], depth: int = 4) -> Iterator[T]:
    """The same items in the same order, made in a thread of their own.

    At most ``depth`` items exist at a time, so memory stays bounded. What ``items`` raises is
    raised here; when the caller stops early, ``items`` is closed and its thread has ended.
    Meanwhile OpenCV starts no threads of its own.
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
    with _OPENCV_ALONE:
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


def by_several(
    items: Iterator[T], work: Callable[[T], R], workers: int, waiting: int = 6
) -> Generator[R, None, None]:
    """What ``work`` makes of each of ``items``, in their order, by several threads at a time.

    At most ``workers`` + ``waiting`` items exist at a time: so many may be done, or wait, beside
    one that takes long. What ``work`` raises is raised in its turn; when the caller stops early,
    the threads have ended.
    """
    pending: deque[Future[R]] = deque()
    with contextlib.ExitStack() as stack:
        if hasattr(items, "close"):
            stack.callback(items.close)
        pool = stack.enter_context(ThreadPoolExecutor(workers, "one of several"))
        stack.callback(lambda: [future.cancel() for future in pending])
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= workers + waiting:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class _OpenCvAlone:
    """Keeps OpenCV to the thread that calls it, until the last of those who ask for that is done.

    Its own threads would wait for each other on cores that are busy with decoding: a twentieth
    of the processor time of a pass over a video.
    """

    def __init__(self) -> None:
        self._lock, self._users, self._before = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        import cv2

        with self._lock:
            if not self._users:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        import cv2

        with self._lock:
            self._users -= 1
            if not self._users:
                cv2.setNumThreads(self._before)


_OPENCV_ALONE = _OpenCvAlone()
