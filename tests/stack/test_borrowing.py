"""Programs that commands need for a while: the last of them stops what no `jarvis up` wants."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from jarvis_dagster.commands import stack as command
from jarvis_dagster.stack import StackConfig, borrowed, stack_status
from jarvis_dagster.stack.processes import marked_processes

if TYPE_CHECKING:
    from collections.abc import Callable


def running(config: StackConfig) -> list[str]:
    return [row.program for row in stack_status(config) if row.state == "ready"]


def test_the_last_of_two_stops_it_and_leaves_nothing(
    make_config: Callable[..., StackConfig],
) -> None:
    config = make_config()
    started: list[str] = []
    first = borrowed(config, ["temporal"], on_start=started.extend)
    second = borrowed(config, ["temporal"], on_start=started.extend)
    with second:
        with first:
            assert running(config) == ["temporal"]
        # The one that started it has ended.
        assert running(config) == ["temporal"]
    assert started == ["temporal"]
    assert marked_processes(str(config.data_dir)) == {}


def test_it_goes_on_if_somebody_wants_it(make_config: Callable[..., StackConfig]) -> None:
    config = make_config(programs=("temporal",))
    with borrowed(config, ["temporal"], keep=True):
        pass
    assert running(config) == ["temporal"]
    with borrowed(config, ["temporal"]):
        pass
    assert running(config) == ["temporal"]
    command.down(config, Console(file=io.StringIO()))
    with borrowed(config, ["temporal"]):
        command.up(config, Console(file=io.StringIO()))
    assert running(config) == ["temporal"]


def test_an_error_is_no_reason_to_leave_it(make_config: Callable[..., StackConfig]) -> None:
    config = make_config()
    with pytest.raises(ZeroDivisionError), borrowed(config, ["temporal"]):
        raise ZeroDivisionError
    assert marked_processes(str(config.data_dir)) == {}
