"""Names, hashes and temporary files."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.files import atomic_path, readable_file, safe_name, sha256_file
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text(max_size=400))
@settings(max_examples=300, derandomize=True)
@example("")
@example("..")
@example("../..")
@example("a/b\\c")
@example("\ud800.mp4")
@example("\u202egpj.exe")
@example("con.tar.gz")
@example("." * 300)
@example("e\u0301" * 200 + ".mp4")
def test_a_safe_name_is_one_harmless_component(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert safe not in {".", ".."}
    assert not set(safe) & set('/\\<>:"|?*\0\n\r\t')
    assert len(safe.encode("utf-8")) <= 255
    assert safe == safe.strip()
    assert not safe.endswith(".")
    assert safe_name(safe) == safe


def test_plain_names_and_extensions_are_kept() -> None:
    for name in ("game 1.mp4", "Größe 🏒.mov", "a.b.c.parquet", "👨\u200d👩\u200d👧.jpg"):
        assert safe_name(name) == name
    assert safe_name("x" * 500 + ".mp4").endswith("x.mp4")
    assert safe_name("/a/b/../c.mp4") == "c.mp4"
    assert safe_name("nul.txt") == "_nul.txt"


def test_hash_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 3_000_001)
    assert sha256_file(path) == hashlib.sha256(b"x" * 3_000_001).hexdigest()


def test_a_target_is_replaced_in_one_step_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with atomic_path(target) as partial:
        partial.write_text("one")
        assert not target.exists()

    def fail() -> None:
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "one"
    assert [p.name for p in target.parent.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_written_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(BadInputError, match="permissions"),
        atomic_path(tmp_path / "file" / "x"),
    ):
        pass


def test_what_is_not_a_readable_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", "pipe", "."):
        with pytest.raises(BadInputError):
            readable_file(tmp_path / name)


def test_only_transient_errors_are_tried_again() -> None:
    for error, tries in ((TransientError("x"), 3), (PermanentError("x"), 1), (KeyError("x"), 1)):
        calls: list[int] = []

        def fail(error: Exception = error, calls: list[int] = calls) -> None:
            calls.append(1)
            raise error

        with pytest.raises(type(error)):
            retrying(3, first_wait_s=0.001)(fail)
        assert len(calls) == tries


def test_a_server_that_asks_to_wait_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    waits: list[float] = []
    policy = retrying(3, first_wait_s=0.001).copy(sleep=waits.append)

    def busy() -> None:
        raise TransientError("It is busy.", "Wait.", retry_after_s=7)

    with pytest.raises(TransientError):
        policy(busy)
    assert [round(wait) for wait in waits] == [7, 7]
    assert caplog.messages == ["It is busy. Trying again in 7.0 s."] * 2


def test_a_server_that_asks_for_too_long_is_left_alone() -> None:
    waits: list[float] = []
    policy = retrying(3, longest_asked_s=60).copy(sleep=waits.append)

    def busy() -> None:
        raise TransientError("busy", retry_after_s=3600)

    with pytest.raises(TransientError):
        policy(busy)
    assert waits == []
