"""Making, listing, restoring and pruning backups of a data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.backup.installation import fill, service, state

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(tmp_path / "data")
    return tmp_path / "data"


def test_a_restored_installation_is_the_same(data: Path, tmp_path: Path) -> None:
    backups = service(data, tmp_path / "place")
    snapshot = backups.create()
    other = tmp_path / "other"
    done = service(other, tmp_path / "place").restore(snapshot)
    assert done.failed == ()
    assert state(other) == state(data)
    assert (other / "secrets/google.json").stat().st_mode & 0o777 == 0o600
    assert not (other / "logs").exists()
    assert not (other / "secrets/object-store.json").exists()
    assert not list(other.rglob("*.part"))
    assert backups.verify().findings == ()
