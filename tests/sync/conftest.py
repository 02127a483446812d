"""Two drives that are to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sync.memory_drive import MemoryDrive
from tests.sync.pairs import Pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS: dict[str, Callable[[], MemoryDrive]] = {
    "plain": MemoryDrive,
    "hashed": lambda: MemoryDrive(hashes=True),
    "new ids": lambda: MemoryDrive(new_ids=True),
    "versions move": lambda: MemoryDrive(versions_move=True),
}


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """A pair whose second side is a drive of each kind."""
    return Pair(tmp_path, MemoryDrive(), KINDS[request.param]())


@pytest.fixture
def agreed(pair: Pair) -> Pair:
    """A pair that agreed on a few files."""
    for name in ("one", "two", "three", "four"):
        pair.a.put(f"{name}.txt", name.encode())
    pair.a.put("folder/in.txt", b"in")
    pair.settle()
    return pair
