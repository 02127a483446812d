"""A training goes on while the store is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import TransientError
from jarvis_dagster.toolchain.checkpoints import Checkpoints

if TYPE_CHECKING:
    from pathlib import Path


class _Store:
    """A store that is away as long as it is told."""

    def __init__(self) -> None:
        self.away = True
        self.kept: list[bytes] = []

    def put_file(self, _key: str, path: Path) -> None:
        if self.away:
            raise TransientError("The store is away.")
        self.kept.append(path.read_bytes())


def test_an_outage_does_not_stop_a_training(tmp_path: Path) -> None:
    store: Any = _Store()
    kept = Checkpoints(store, "key", tmp_path, every_s=0)
    (tmp_path / "checkpoint.pt").write_bytes(b"one")
    kept.look()
    with pytest.raises(TransientError, match="away"):
        kept.look(now=True)
    store.away = False
    kept.look()
    kept.look()
    assert store.kept == [b"one"]
