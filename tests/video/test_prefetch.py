"""Reading ahead changes nothing but the thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.hockey.video import ahead
from jarvis_dagster.hockey.video.prefetch import by_several

if TYPE_CHECKING:
    from collections.abc import Generator


def numbers(count: int, made: list[int]) -> Generator[int, None, None]:
    try:
        for number in range(count):
            made.append(number)
            yield number
    finally:
        made.append(-1)


def test_items_come_in_order_and_are_all_there() -> None:
    made: list[int] = []
    assert list(ahead(numbers(500, made))) == list(range(500))
    assert made[-1] == -1


def test_no_more_than_depth_are_made_ahead() -> None:
    made: list[int] = []
    reader = ahead(numbers(100, made), depth=3)
    for expected in range(100):
        assert next(reader) == expected
        assert len([n for n in made if n >= 0]) <= expected + 3
    assert list(reader) == []


def test_stopping_early_closes_the_source_and_ends_the_thread() -> None:
    made: list[int] = []
    before = set(threading.enumerate())
    reader = ahead(numbers(100, made))
    assert next(reader) == 0
    reader.close()  # type: ignore[attr-defined]
    assert made[-1] == -1
    assert len(made) < 10
    assert set(threading.enumerate()) <= before


def test_an_error_arrives_where_the_items_are_used() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise ValueError("in the middle")

    seen = []
    with pytest.raises(ValueError, match="in the middle"):
        seen.extend(ahead(broken()))
    assert all(thread.name != "reading ahead" for thread in threading.enumerate())


def test_opencv_starts_no_threads_until_the_last_reader_is_done() -> None:
    import cv2

    usual = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        one, other = ahead(numbers(9, [])), ahead(numbers(9, []))
        assert next(one) == next(other) == 0
        assert cv2.getNumThreads() == 1
        one.close()  # type: ignore[attr-defined]
        assert cv2.getNumThreads() == 1
        assert list(other) == list(range(1, 9))
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(usual)


def test_several_work_at_a_time_and_answers_come_in_order() -> None:
    together = threading.Barrier(3)

    def work(number: int) -> int:
        together.wait(timeout=60)  # nobody gets on before three are here
        return number**2

    assert list(by_several(ahead(numbers(60, [])), work, workers=3)) == [n**2 for n in range(60)]


def test_no_more_wait_for_several_than_allowed() -> None:
    made: list[int] = []
    squares = by_several(numbers(100, made), lambda number: number**2, 2, waiting=3)
    for expected in range(100):
        assert next(squares) == expected**2
        assert len([n for n in made if n >= 0]) <= expected + 5


def test_what_one_of_several_raises_comes_in_its_turn_and_ends_all() -> None:
    made: list[int] = []
    before = set(threading.enumerate())

    def work(number: int) -> float:
        return 1 / (7 - number)

    answers = by_several(ahead(numbers(100, made)), work, workers=2)
    assert [next(answers) for _ in range(7)] == [1 / (7 - number) for number in range(7)]
    with pytest.raises(ZeroDivisionError):
        next(answers)
    assert made[-1] == -1
    assert set(threading.enumerate()) <= before


def test_stopping_several_early_ends_their_threads() -> None:
    made: list[int] = []
    before = set(threading.enumerate())
    reader = by_several(ahead(numbers(100, made)), float, workers=2)
    assert next(reader) == 0
    reader.close()
    assert made[-1] == -1
    assert set(threading.enumerate()) <= before
