"""What the storage service keeps comes back readable: versions, records, data keys."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.sources.objects import PREFIXES, turn_of
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from jarvis_dagster.services.storage.catalogue import RECORDS_PREFIX
from jarvis_dagster.services.storage.claims import CLAIMS_PREFIX
from jarvis_dagster.services.storage.data_keys import KEYS_PREFIX
from jarvis_dagster.services.storage.key_sources import new_key
from jarvis_dagster.services.storage.uploads import UPLOADS_PREFIX
from tests.backup.installation import service
from tests.servers import run_object_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server


def test_what_names_others_is_read_first() -> None:
    assert PREFIXES == (RECORDS_PREFIX, "", KEYS_PREFIX)
    assert turn_of(f"{RECORDS_PREFIX}models/x.json") == 0
    assert turn_of("artifacts/x/y") == 1
    assert turn_of(f"{KEYS_PREFIX}x/y.json") == 2
    assert turn_of(f"{UPLOADS_PREFIX}x.json") is None
    assert turn_of(f"{CLAIMS_PREFIX}x/y") is None


def config_of(server: Server, key: Path) -> StorageConfig:
    return StorageConfig.model_validate(
        {
            "endpoint": server.address,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "encryption": {"source": "file", "file": str(key), "required": True},
        }
    )


def test_versions_stored_while_a_backup_is_made_can_all_be_read_from_the_restored_store(
    tmp_path: Path,
) -> None:
    key = tmp_path / "storage.key"
    key.write_text(new_key())
    key.chmod(0o600)
    first, second = (run_object_store(tmp_path / name) for name in ("one", "two"))
    try:
        storage = JarvisStorageService(config_of(first, key))
        storage.ensure_buckets()
        stop, stored = threading.Event(), list[str]()

        def write() -> None:
            while not stop.is_set():
                path = tmp_path / "model.onnx"
                path.write_bytes(secrets.token_bytes(40_000))
                stored.append(storage.store_model(path))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            while len(stored) < 3:
                stop.wait(0.05)
            before = list(stored)
            backups = service(tmp_path / "data", tmp_path / "place", storage=config_of(first, key))
            snapshot = backups.create()
        finally:
            stop.set()
            writer.join()
        other = config_of(second, key)
        done = service(tmp_path / "other", tmp_path / "place", storage=other).restore(snapshot)
        assert done.failed == ()
        restored = JarvisStorageService(other)
        versions = restored.history(before[0])
        assert {one.id for one in versions} >= set(before)
        for version in versions:
            target = tmp_path / "fetched"
            assert restored.retrieve_model(version.id, target)
    finally:
        first.kill()
        second.kill()
