"""Working ahead keeps the order, the barriers and the errors."""

from __future__ import annotations

import threading

import pytest

from jarvis_dagster.services.client_storage.search.ahead import Ahead


@pytest.mark.parametrize("depth", [0, 1, 3, 50])
def test_results_come_in_order(depth: int) -> None:
    with Ahead(depth) as ahead:
        pairs = ahead.in_order(range(20), lambda item: lambda: item * item)
        assert [(item, work()) for item, work in pairs if work] == [(n, n * n) for n in range(20)]


def test_several_are_in_work_at_once() -> None:
    together = threading.Barrier(3, timeout=240)  # nobody passes before three are there
    with Ahead(3) as ahead:
        for _, work in ahead.in_order(range(6), lambda _item: together.wait):
            assert work is not None
            work()


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_nothing_behind_a_barrier_begins_before_its_turn_is_over(depth: int) -> None:
    begun: list[int] = []
    with Ahead(depth) as ahead:

        def plan(item: int) -> object:
            return None if item == 5 else lambda: begun.append(item)

        for item, work in ahead.in_order(range(10), plan):  # type: ignore[arg-type]
            if work is None:
                assert item == 5
                assert begun == [0, 1, 2, 3, 4]
            else:
                work()
    assert sorted(begun) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_an_error_comes_when_its_item_does() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise KeyError(item)
        return item

    done: list[int] = []

    def do_all() -> None:
        for _, work in ahead.in_order(range(9), lambda item: lambda: fail(item)):
            assert work is not None
            done.append(work())

    with Ahead(2) as ahead, pytest.raises(KeyError):
        do_all()
    assert done == [0, 1, 2]


def test_what_was_not_begun_is_not_done_after_an_end() -> None:
    begun: list[int] = []
    with Ahead(2) as ahead:
        next(ahead.in_order(range(100), lambda item: lambda: begun.append(item)))
    assert len(begun) <= 3
