"""Bytes on their way to the store: what arrives damaged is refused, and sent again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.storage import StorageConfig
from jarvis_dagster.services.storage.connection import CHECKSUM, UNSIGNED, crc32c, is_private
from jarvis_dagster.services.storage.key_sources import new_key
from tests.services.storage_tools import flip, service_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.storage import JarvisStorageService
    from tests.servers import Server

PART = 5 << 20
SIZES = [1, 4_000, 2 * PART + 77]  # the last goes in parts


class Line:
    """The connection of a service: notes how bodies are signed, and flips a bit of some.

    Attributes:
        damages: How many of the next large enough bodies lose a bit on the way.
        keeps_checksums: Whether the server's answers show the checksums that it compared.
    """

    def __init__(self, service: JarvisStorageService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.damages, self.at_least, self.keeps_checksums = 0, 1, True
        self.signatures: list[str] = []
        pool = service.objects.wire.client._http
        self._send: Callable[..., Any] = pool.urlopen
        monkeypatch.setattr(pool, "urlopen", self._urlopen)

    def _urlopen(self, method: str, url: str, *, body: bytes | None, **more: Any) -> Any:
        if method == "PUT" and body and len(body) >= self.at_least:
            self.signatures.append(more["headers"]["x-amz-content-sha256"])
            if self.damages:
                self.damages -= 1
                body = flip(body, len(body) // 2)
        response = self._send(method, url, body=body, **more)
        if not self.keeps_checksums:
            response.headers.discard(CHECKSUM)
        return response


@pytest.fixture(params=["plain", "encrypted"])
def service(
    object_store: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> JarvisStorageService:
    (tmp_path / "keys").write_text(new_key())
    encryption = {"source": "off"}
    if request.param == "encrypted":
        encryption = {"source": "file", "file": str(tmp_path / "keys")}
    more = {"part_mb": 5, "spool_dir": tmp_path / "spool", "encryption": encryption}
    return service_of(object_store, **more)


def file_of(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


@pytest.mark.parametrize("size", SIZES)
def test_a_flipped_bit_is_refused_and_sent_again(
    size: int, service: JarvisStorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path, size)
    service.put_file("warm", file_of(tmp_path, 10))  # from here on nothing is signed
    path = file_of(tmp_path, size)
    line = Line(service, monkeypatch)
    line.at_least, line.damages = min(size, PART), 2
    ref = service.put_file("film.mp4", path)
    assert line.damages == 0
    assert set(line.signatures) == {UNSIGNED}
    assert service.get_file("film.mp4", tmp_path / "back") == ref
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert service.objects.check(service.config.artifacts_bucket, "film.mp4") == ref


@pytest.mark.parametrize("size", SIZES)
def test_what_always_arrives_damaged_is_never_visible(
    size: int, service: JarvisStorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.objects.wire.config = service.config.model_copy(update={"attempts": 2})
    line = Line(service, monkeypatch)
    line.at_least, line.damages = min(size, PART), 1000
    with pytest.raises(TransientError, match="arrived damaged"):
        service.put_file("film.mp4", file_of(tmp_path, size))
    line.damages = 0
    assert not service.exists("film.mp4")
    assert service.put_file("film.mp4", file_of(tmp_path, size)).size == size


def test_bodies_are_signed_until_the_server_was_seen_to_compare_checksums(
    object_store: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(object_store)
    line = Line(service, monkeypatch)
    line.keeps_checksums = False
    for name in ("a", "b"):
        service.put_file(name, file_of(tmp_path, 100))
    assert UNSIGNED not in line.signatures
    line.keeps_checksums = True
    line.signatures.clear()
    for name in ("c", "d", "e"):
        service.put_file(name, file_of(tmp_path, 100))
    assert line.signatures[0] != UNSIGNED
    assert set(line.signatures[1:]) == {UNSIGNED}


@pytest.mark.parametrize("size", SIZES)
def test_a_server_that_refuses_checksums_is_sent_none(
    size: int, service: JarvisStorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, refused = Line(service, monkeypatch), []
    send = line._send

    def refusing(method: str, url: str, *, headers: Any, **more: Any) -> Any:
        if not any("checksum" in name.lower() for name in headers):
            return send(method, url, headers=headers, **more)
        refused.append(url)
        said = b"<Error><Code>NotImplemented</Code><Message>x-amz-checksum-crc32c</Message></Error>"
        return urllib3.HTTPResponse(said, {"content-type": "application/xml"}, 501)

    line._send = refusing
    path = file_of(tmp_path, size)
    ref = service.put_file("film.mp4", path)
    assert 1 <= len(refused) <= 4  # as many as are sent at once
    assert UNSIGNED not in line.signatures[len(refused) :]
    assert service.get_file("film.mp4", tmp_path / "back") == ref
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("endpoint", "secure", "private"),
    [
        ("127.0.0.1:8333", False, True),
        ("localhost:8333", False, True),
        ("[::1]:8333", False, True),
        ("store.example:9000", True, True),
        ("store.example:9000", False, False),
        ("127.evil.example:9000", False, False),
        ("localhost.evil.example:9000", False, False),
    ],
)
def test_only_a_private_line_goes_without_signed_bodies(
    endpoint: str, secure: bool, private: bool
) -> None:
    config = StorageConfig.model_validate(
        {"endpoint": endpoint, "secure": secure, "access_key": "a", "secret_key": "b"}
    )
    assert is_private(config) is private


def test_the_checksum_is_the_published_one() -> None:
    assert crc32c(b"123456789") == "4waSgw=="  # E3069283, the check value of CRC-32C
