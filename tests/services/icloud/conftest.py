"""A local iCloud, and the drive over it, signed in."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
from jarvis_dagster.services.client_storage.icloud.login import sign_in
from tests.certificates import make_certificate
from tests.fakes.icloud import Account, Behaviour, ICloudServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OLD, NEW = b"old" * 1000, b"newer" * 1000
"""What a file holds before and after an upload."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture(scope="session")
def trusted(
    certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Account, Path]:
    """An account that has signed in, and what that left on the machine: once for all tests."""
    state_dir = tmp_path_factory.mktemp("trusted") / "family"
    with ICloudServer(certificate) as server:
        sign_in(
            _config(server, certificate),
            state_dir,
            password=server.account.password,
            ask_code=lambda _: server.account.code,
        )
    return server.account, state_dir


@pytest.fixture
def server(
    certificate: tuple[Path, Path], behaviour: Behaviour, trusted: tuple[Account, Path]
) -> Iterator[ICloudServer]:
    with ICloudServer(certificate, behaviour, copy.deepcopy(trusted[0])) as running:
        yield running
    assert running.refused == []


@pytest.fixture
def config(server: ICloudServer, certificate: tuple[Path, Path]) -> ICloudDriveConfig:
    return _config(server, certificate)


def _config(server: ICloudServer, certificate: tuple[Path, Path]) -> ICloudDriveConfig:
    return ICloudDriveConfig(
        kind="icloud",
        apple_id=server.account.apple_id,
        setup_url=f"{server.url}/setup/ws/1",
        auth_url=f"{server.url}/appleauth/auth",
        ca_file=certificate[0],
        attempts=3,
        timeout_s=20,
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state" / "family"


@pytest.fixture
def no_key_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.setattr(keyring, "get_password", lambda *_: None)


@pytest.fixture
def waits() -> list[float]:
    """How long the drive would have waited between two tries."""
    return []


@pytest.fixture
def signed_in(state_dir: Path, no_key_ring: None, trusted: tuple[Account, Path]) -> None:
    shutil.copytree(trusted[1], state_dir)


@pytest.fixture
def again(
    config: ICloudDriveConfig, state_dir: Path, signed_in: None, waits: list[float]
) -> Callable[[], ICloudDrive]:
    """The drive as another process has it."""
    return lambda: ICloudDrive(config, state_dir, sleep=waits.append)


@pytest.fixture
def drive(again: Callable[[], ICloudDrive]) -> ICloudDrive:
    return again()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to upload."""
    path = tmp_path / "source" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(NEW)
    return path
