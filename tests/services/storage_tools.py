"""What the tests of the storage service share: services of one real server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

__all__ = [
    "age",
    "fetched",
    "flip",
    "model",
    "overwrite",
    "raw_bytes",
    "service_of",
    "text_of",
    "three_versions",
]


def service_of(server: Server, prefix: str = "", **more: object) -> JarvisStorageService:
    """A service with buckets of its own, named by ``prefix``."""
    prefix = prefix or secrets.token_hex(4)
    kinds = ("artifacts", "models", "datasets", "logs")
    config = StorageConfig.model_validate(
        {
            "endpoint": server.address,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            **{f"{kind}_bucket": f"{prefix}-{kind}" for kind in kinds},
            **more,
        }
    )
    service = JarvisStorageService(config)
    service.ensure_buckets()
    return service


def text_of(path: Path, size: int, seed: str = "line") -> Path:
    """Write a file that compresses well."""
    line = f"{seed} of a game report, minute by minute\n".encode()
    path.write_bytes((line * (size // len(line) + 1))[:size])
    return path


def raw_bytes(service: JarvisStorageService, bucket: str, key: str) -> bytes:
    """An object's bytes as the server has them."""
    found = service.objects.wire.read(bucket, key)
    assert found is not None
    return found[1]


def overwrite(service: JarvisStorageService, bucket: str, key: str, data: bytes) -> None:
    """Replace an object's bytes behind the back of the service; its metadata stays."""
    stored = service.raw.stat(bucket, key)
    assert stored is not None
    service.objects.wire.put(
        bucket, key, data, media_type=stored.media_type, metadata=stored.metadata
    )


def flip(data: bytes, at: int) -> bytes:
    """``data`` with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1 << (at % 8)
    return bytes(changed)


def model(tmp_path: Path, words: str) -> Path:
    """Write a model whose content follows from ``words``."""
    return text_of(tmp_path / "detector.onnx", 3000, words)


def three_versions(service: JarvisStorageService, tmp_path: Path) -> list[str]:
    """Store three versions of ``detector``; returns their ids."""
    return [
        service.store_model(model(tmp_path, word), {"map": quality, "word": word}, name="detector")
        for word, quality in (("one", 0.5), ("two", 0.6), ("three", 0.4))
    ]


def fetched(service: JarvisStorageService, item_id: str, tmp_path: Path) -> bytes:
    """The content of a stored thing."""
    assert service.retrieve(item_id, tmp_path / "fetched") is True
    return (tmp_path / "fetched").read_bytes()


def age(service: JarvisStorageService, item_id: str, **fields: Any) -> None:
    """Change the times of a version, as if they had passed."""
    found = service.catalogue.find(item_id)
    assert found is not None
    numbers = {version.number for version in found.record.of(item_id)}
    service.catalogue.change(found, lambda record: record.changed(numbers, **fields))
