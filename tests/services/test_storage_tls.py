"""The storage service over TLS, against a real server with a certificate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import ConfigError, PermanentError
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from tests.certificates import make_certificate
from tests.servers import Server, run_object_store
from tests.services.storage_tools import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def tls_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    server = run_object_store(folder / "store", tls=(certificate, key))
    yield server, certificate
    server.kill()  # its graceful end waits for connections over TLS


def config_of(server: Server, **more: object) -> StorageConfig:
    own = {"endpoint": server.address, "access_key": server.access_key, "secure": True}
    return StorageConfig.model_validate({**own, "secret_key": server.secret_key, **more})


def test_content_travels_over_tls(tls_store: tuple[Server, Path], tmp_path: Path) -> None:
    server, certificate = tls_store
    service = JarvisStorageService(config_of(server, ca_file=certificate, part_mb=5))
    service.ensure_buckets()
    small, large = text_of(tmp_path / "a.txt", 3000), tmp_path / "film.mp4"
    large.write_bytes(bytes(range(256)) * (12 << 12))
    for path in (small, large):
        item = service.store_artifact(path, {"n": 1})
        assert service.retrieve_artifact(item, tmp_path / "back") is True
        assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_store: tuple[Server, Path], tmp_path: Path
) -> None:
    server, _ = tls_store
    with pytest.raises(PermanentError, match="No trusted TLS"):
        JarvisStorageService(config_of(server)).check()
    (tmp_path / "other").mkdir()
    other, _ = make_certificate(tmp_path / "other")
    with pytest.raises(PermanentError, match="No trusted TLS"):
        JarvisStorageService(config_of(server, ca_file=other)).check()
    with pytest.raises(ConfigError, match="ca_file"):
        JarvisStorageService(config_of(server, ca_file=tmp_path / "none")).check()
