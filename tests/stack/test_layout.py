"""Files of the data directory are this user's only, and names of sockets are short."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from jarvis_dagster.errors import BadInputError, ConfigError
from jarvis_dagster.stack.credentials import object_store_credentials
from jarvis_dagster.stack.layout import StackPaths, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_private(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path / "data")
    paths.make()
    write_private(paths.run / "file", "text")
    assert {mode(folder) for folder in [paths.root, *paths.root.iterdir()]} == {0o700}
    assert mode(paths.run / "file") == 0o600
    assert (paths.run / "file").read_text() == "text"


def test_a_long_data_directory_gets_a_short_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    paths = StackPaths(tmp_path / ("deep" * 30))
    other = StackPaths(tmp_path / ("deep" * 31))
    assert paths.supervisor_socket != other.supervisor_socket
    assert len(str(paths.supervisor_socket)) < 100
    paths.sockets.mkdir(mode=0o700)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(paths.supervisor_socket))
            paths.supervisor_socket.unlink()
    finally:
        paths.sockets.rmdir()


def test_a_short_data_directory_keeps_its_sockets() -> None:
    paths = StackPaths(Path("/srv/jarvis"))
    assert paths.sockets == paths.run


def test_a_data_directory_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match=r"file.*cannot be made.*JARVIS_DATA_DIR"):
        StackPaths(tmp_path / "file" / "data").make()


def test_keys_are_made_once_and_not_shown(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    paths.make()
    first = object_store_credentials(paths)
    assert object_store_credentials(paths) == first
    assert len(first.secret_key) >= 32
    assert len(bytes.fromhex(first.master_key)) == 32
    assert first.secret_key not in repr(first)
    assert mode(paths.secrets / "object-store.json") == 0o600
    assert object_store_credentials(StackPaths(tmp_path / "other")) != first


def test_keys_are_not_made_anew_over_existing_objects(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    paths.make()
    object_store_credentials(paths)
    (paths.object_store / "1.dat").write_text("objects")
    (paths.secrets / "object-store.json").unlink()
    with pytest.raises(ConfigError, match=r"missing, but .* holds objects"):
        object_store_credentials(paths)


def test_damaged_keys_are_named(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    paths.make()
    (paths.secrets / "object-store.json").write_text(json.dumps({"access_key": "only"}))
    with pytest.raises(ConfigError, match=r"object-store\.json cannot be read"):
        object_store_credentials(paths)
