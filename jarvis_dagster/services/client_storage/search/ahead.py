"""Work on the next items while the present one is in hand.

Belongs here: order, and how far ahead. Does not belong here: what the work is.
"""

from __future__ import annotations

import collections
import concurrent.futures
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Future = concurrent.futures.Future


class Ahead:
    """Threads that work ahead; a context manager.

    Args:
        depth: So many items at once; 0 does everything when its turn comes.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._pool = concurrent.futures.ThreadPoolExecutor(max(depth, 1)) if depth else None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(
        self, items: Iterable[Item], plan: Callable[[Item], Callable[[], Result] | None]
    ) -> Iterator[tuple[Item, Callable[[], Result] | None]]:
        """The items in their order, each with what gives its result or raises.

        Args:
            plan: Called here, for each item; what it returns is done in a thread.
                None is a barrier: nothing behind it begins before its turn is over.
        """
        if self._pool is None:
            for item in items:
                yield item, plan(item)
            return
        rest = iter(items)
        begun: collections.deque[tuple[Item, Callable[[], Result] | None]] = collections.deque()
        while True:
            while len(begun) < self._depth and not (begun and begun[-1][1] is None):
                try:
                    item = next(rest)
                except StopIteration:
                    break
                work = plan(item)
                begun.append((item, self._pool.submit(work).result if work else None))
            if not begun:
                return
            yield begun.popleft()
