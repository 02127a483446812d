"""A local OneDrive of each kind, and the drive that speaks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.client_storage.onedrive.auth import sign_in
from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from tests.certificates import make_certificate
from tests.fakes.onedrive import OneDriveServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__: list[str] = []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=["personal", "business"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def server(
    kind: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[OneDriveServer]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with OneDriveServer(kind, certificate) as server:
        yield server
    assert server.violations == []


@pytest.fixture
def config(server: OneDriveServer) -> OneDriveConfig:
    return settings_of(server)


def settings_of(server: OneDriveServer, **more: Any) -> OneDriveConfig:
    """A person's drive for the personal kind, an app's for that of an organisation."""
    own: dict[str, Any] = {
        "kind": "onedrive",
        "client_id": server.login.client_id,
        "authority": server.authority,
        "api_endpoint": server.endpoint,
        "tenant": "consumers",
        "chunk_kib": 320,
    }
    if server.drive.kind == "business":
        own |= {
            "tenant": "example.org",
            "client_secret": server.login.client_secret,
            "user": server.login.person,
        }
    return OneDriveConfig(**{**own, **more})


class Waits(list[float]):
    """What the drive waited, instead of waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state" / "my-onedrive"


@pytest.fixture
def drive(
    server: OneDriveServer, config: OneDriveConfig, state_dir: Path, waits: Waits
) -> OneDrive:
    if config.client_secret is None:
        sign_in(config, state_dir, show=lambda _: None)
    return OneDrive(config, state_dir, sleep=waits)


def during(
    server: OneDriveServer,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    do: Callable[[], None],
    *,
    skip: int = 0,
    method: str = "",
) -> None:
    """Do something once, just before a request whose path holds ``part``."""
    real, left = server.faults.next, [skip]

    def watched(asked: str, path: str) -> Any:
        if part in path and method in ("", asked) and left[0] >= 0:
            left[0] -= 1
            if left[0] < 0:
                do()
        return real(asked, path)

    monkeypatch.setattr(server.faults, "next", watched)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.mp4"
    path.write_bytes(bytes(range(256)) * 4000)  # 1,024,000 bytes: four pieces
    return path
