"""Stacks in a temporary directory, on free ports, that are gone after each test."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.stack import StackConfig, StackPorts, stop
from jarvis_dagster.stack.processes import is_free
from tests.servers import reserve_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def free_ports() -> StackPorts:
    """Ports below those that outgoing connections use, with room for what lies 10000 above."""
    picker = random.SystemRandom()
    while True:
        first = picker.randrange(16_000, 22_000, 20)  # those below are of `tests.servers`
        names = (
            "object_store_internal",
            *(3 * ("",)),
            "object_store",
            "temporal",
            "temporal_ui",
            "mlflow",
            "metrics",
            "dagster",
            "dagster_code",
            "dagster_viewer",
            "login",
            "gateway",
        )
        ports = StackPorts(**{name: first + n for n, name in enumerate(names) if name})
        wanted = [port for some in ports.by_setting().values() for port in some]
        if all(is_free(port, "127.0.0.1") for port in wanted) and reserve_port(first):
            return ports


@pytest.fixture
def make_config(tmp_path: Path) -> Iterator[Callable[..., StackConfig]]:
    """A function that returns the configuration of a new stack; all are stopped at the end."""
    made = []

    def make(**changes: object) -> StackConfig:
        config = StackConfig(
            **{"data_dir": tmp_path / "state of play", "ports": free_ports(), **changes}
        )
        made.append(config)
        return config

    yield make
    for config in made:
        stop(config)
