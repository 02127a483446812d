"""What is kept of a network, and what happens to it."""

from pathlib import Path

import numpy as np
import pytest

from jarvis_dagster.hockey.detection.runtime import Network
from jarvis_dagster.hockey.rink.evidence import DEFAULT_MODEL

PICTURES = np.random.default_rng(4).integers(0, 256, (1, 64, 96, 3), np.uint8)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where networks are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jarvis" / "networks"


def _answer() -> np.ndarray:
    return Network(DEFAULT_MODEL, threads=1)(PICTURES)["heat"].copy()


def test_a_kept_network_answers_the_same(kept: Path) -> None:
    first = _answer()
    (file,) = kept.iterdir()
    content = file.read_bytes()
    np.testing.assert_array_equal(_answer(), first)
    assert [*kept.iterdir()] == [file]
    assert file.read_bytes() == content
    Network(DEFAULT_MODEL, threads=2)(PICTURES)  # compiled otherwise
    Network(DEFAULT_MODEL, threads=1)(PICTURES[:, :32])
    assert len([*kept.iterdir()]) == 3


@pytest.mark.parametrize("damage", [b"", b"not a network", None])
def test_a_damaged_one_is_compiled_again(
    kept: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    first = _answer()
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
    np.testing.assert_array_equal(_answer(), first)
    assert "damaged" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(_answer(), first)
    assert not caplog.text  # it was replaced
    assert [*kept.iterdir()] == [file]


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert _answer().shape[0] == 1
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_only_some_are_kept(kept: Path) -> None:
    kept.mkdir(parents=True)
    for number in range(50):
        (kept / f"{number}.network").write_bytes(b"of another version")
    _answer()
    assert len([*kept.glob("*.network")]) == 40
    assert not [*kept.glob("*.part")]
