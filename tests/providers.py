"""A drive of each provider, over its local server.

Belongs here: drives that are ready to use, one of each kind. Does not belong
here: what the providers' own tests configure.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from unittest import mock

from jarvis_dagster.services.client_storage import LocalFolderDrive
from tests.certificates import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage import Drive
    from tests.fakes.google import GoogleServer

__all__ = ["google", "provider"]


@contextlib.contextmanager
def provider(kind: str, folder: Path) -> Iterator[Drive]:
    """An empty drive of that kind; its state and keys are in ``folder``."""
    opened = {"local": _local, "google": _google, "onedrive": _onedrive, "icloud": _icloud}
    with opened[kind](folder) as drive:
        yield drive


@contextlib.contextmanager
def _local(folder: Path) -> Iterator[Drive]:
    yield LocalFolderDrive(folder / "drive", folder / "state")


@contextlib.contextmanager
def google(folder: Path) -> Iterator[tuple[Drive, GoogleServer]]:
    """A Google Drive and its server, where a test may act behind the drive's back."""
    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer
    from tests.services.google.helpers import signed_in

    with GoogleServer() as server:
        config = GoogleDriveConfig(
            kind="google",
            api_endpoint=server.address,
            credentials_file=signed_in(server, folder),
            chunk_kib=256,
        )
        with contextlib.closing(GoogleDrive(config, folder / "state")) as drive:
            yield drive, server
        assert server.violations == []


@contextlib.contextmanager
def _google(folder: Path) -> Iterator[Drive]:
    with google(folder) as (drive, _):
        yield drive


@contextlib.contextmanager
def _onedrive(folder: Path) -> Iterator[Drive]:
    from jarvis_dagster.services.client_storage.onedrive.auth import sign_in
    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import settings_of

    certificate = make_certificate(folder)
    with (
        mock.patch.dict("os.environ", REQUESTS_CA_BUNDLE=str(certificate[0])),
        OneDriveServer("personal", certificate) as server,
    ):
        config = settings_of(server)
        sign_in(config, folder / "state", show=lambda _: None)
        yield OneDrive(config, folder / "state")
        assert server.violations == []


@contextlib.contextmanager
def _icloud(folder: Path) -> Iterator[Drive]:
    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from jarvis_dagster.services.client_storage.icloud.login import sign_in
    from tests.fakes.icloud import Behaviour, ICloudServer

    certificate = make_certificate(folder)
    with (
        mock.patch("keyring.get_password", return_value=None),
        ICloudServer(certificate, Behaviour()) as server,
    ):
        config = ICloudDriveConfig(
            kind="icloud",
            apple_id=server.account.apple_id,
            setup_url=f"{server.url}/setup/ws/1",
            auth_url=f"{server.url}/appleauth/auth",
            ca_file=certificate[0],
        )
        sign_in(
            config,
            folder / "state",
            password=server.account.password,
            ask_code=lambda _: server.account.code,
        )
        yield ICloudDrive(config, folder / "state")
        assert server.refused == []
