"""The care for what is stored: trash, retention, leftovers, verification, rotation."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import ConfigError, ConflictError, TransientError
from jarvis_dagster.services.storage import JarvisStorageService
from jarvis_dagster.services.storage.catalogue import now
from jarvis_dagster.services.storage.config import EncryptionConfig
from jarvis_dagster.services.storage.faults import DamagedError
from jarvis_dagster.services.storage.key_sources import LocalKeys, new_key
from jarvis_dagster.services.storage.pruning import prune
from jarvis_dagster.services.storage.rotation import rotate_keys
from jarvis_dagster.services.storage.verification import verify
from tests.services.storage_tools import (
    age,
    fetched,
    flip,
    model,
    overwrite,
    raw_bytes,
    service_of,
    text_of,
    three_versions,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def service(object_store: Server) -> JarvisStorageService:
    return service_of(object_store)


def test_what_is_deleted_can_be_restored(service: JarvisStorageService, tmp_path: Path) -> None:
    path = text_of(tmp_path / "a.txt", 500)
    item = service.store_artifact(path, {"n": 1})
    assert service.delete_artifact(item) is True
    assert service.delete_artifact(item) is False
    assert service.retrieve_artifact(item, tmp_path / "back") is False
    assert service.list_artifacts() == []
    assert service.find_artifact(item) is None
    assert service.restore_artifact(item) is True
    assert service.restore_artifact(item) is False
    assert fetched(service, item, tmp_path) == path.read_bytes()
    service.delete_artifact(item)
    assert service.store_artifact(path, {"n": 1}) == item
    assert [a["id"] for a in service.list_artifacts()] == [item]
    assert service.delete_artifact("0" * 32) is False


def how(service: JarvisStorageService, dry_run: bool = False) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in prune(service, dry_run=dry_run):
        found.setdefault(one.how, []).append(one.url.rsplit("/", 2)[-2])
    return found


def test_retention_spares_what_is_in_use(service: JarvisStorageService, tmp_path: Path) -> None:
    ids = three_versions(service, tmp_path)
    old = now() - timedelta(days=400)
    kept = service.store_artifact(text_of(tmp_path / "kept.txt", 100))
    for item in (*ids, kept):
        age(service, item, created=old)
    service.set_alias("detector", "champion", 2)
    service.rollback(ids[0], 1)
    service.pin(kept)
    assert how(service, dry_run=True) == {"expired": [ids[0], ids[2]]}
    assert how(service) == {"expired": [ids[0], ids[2]]}
    assert [v.number for v in service.history(ids[0]) if v.deleted is None] == [2, 4]
    with pytest.raises(ConflictError, match="alias champion"):
        service.delete_artifact(ids[1])
    with pytest.raises(ConflictError, match="pinned"):
        service.delete_artifact(kept)
    age(service, ids[2], deleted=old)
    assert how(service) == {"purged": [ids[2]]}
    for item in (ids[0], ids[1]):  # of version 1 only the entry went, version 4 needs the bytes
        assert service.retrieve_model(item, tmp_path / "back") is True
    assert service.raw.stat(service.config.models_bucket, f"models/{ids[2]}/detector") is None
    assert list(verify(service)) == []
    again = service.store_model(model(tmp_path, "three"), name="detector")
    assert again == ids[2]
    assert service.resolve("detector").number == 5


def test_nothing_is_removed_before_its_time(service: JarvisStorageService, tmp_path: Path) -> None:
    item = service.store_artifact(text_of(tmp_path / "a.txt", 100))
    service.put_file("files/a.txt", tmp_path / "a.txt")
    assert how(service) == {}
    service.delete_artifact(item)
    assert how(service) == {}
    age(service, item, deleted=now() - timedelta(days=8))
    assert how(service, dry_run=True) == {"purged": [item]}
    assert service.restore_artifact(item) is True
    assert how(service) == {}


def test_leftovers_of_writes_that_never_finished_are_removed(
    object_store: Server, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text(new_key())
    service = service_of(object_store, encryption={"source": "file", "file": tmp_path / "keys"})
    item = service.store_artifact(text_of(tmp_path / "a.txt", 3000), {"n": 1})
    service.put_file("files/a.txt", tmp_path / "a.txt")
    service.put_file("files/a.txt", text_of(tmp_path / "a.txt", 4000))  # one data key too many
    orphan = "cd" * 16
    service.put_file(f"artifacts/{orphan}/lost.txt", tmp_path / "a.txt")
    bucket = service.config.artifacts_bucket
    assert list(prune(service)) == []
    late = JarvisStorageService(
        service.config.model_copy(
            update={"retention": service.config.retention.model_copy(update={"orphan_hours": 1e-9})}
        )
    )
    time.sleep(1.1)  # S3 counts seconds
    told = list(prune(late, dry_run=True))
    assert {one.how for one in told} == {"leftover"}
    assert f"s3://{bucket}/artifacts/{orphan}/lost.txt" in {one.url for one in told}
    assert len(list(prune(late))) >= len(told)
    assert service.raw.stat(bucket, f"artifacts/{orphan}/lost.txt") is None
    fresh = JarvisStorageService(service.config)
    assert fetched(fresh, item, tmp_path) != b""
    assert fresh.get_file("files/a.txt", tmp_path / "back").size == 4000
    assert list(verify(fresh)) == []


def test_nothing_is_removed_that_an_unreadable_record_may_name(
    service: JarvisStorageService, tmp_path: Path
) -> None:
    item = service.store_artifact(text_of(tmp_path / "a.txt", 100))
    bucket, key = service.config.artifacts_bucket, f"records/artifacts/{item[:16]}.json"
    overwrite(service, bucket, key, b"{}")
    late = JarvisStorageService(
        service.config.model_copy(
            update={"retention": service.config.retention.model_copy(update={"orphan_hours": 1e-9})}
        )
    )
    time.sleep(1.1)  # S3 counts seconds
    assert [one.how for one in prune(late)] == ["unreadable"]
    assert service.raw.stat(bucket, f"artifacts/{item}/a.txt") is not None


def test_who_stores_what_is_being_purged_is_told(
    service: JarvisStorageService, tmp_path: Path
) -> None:
    path = text_of(tmp_path / "a.txt", 100)
    item = service.store_artifact(path)
    found = service.catalogue.find(item)
    assert found is not None
    mark = {"by": "another", "since": now().isoformat()}
    service.delete_artifact(item)
    age(service, item, deleted=now() - timedelta(days=9))
    found = service.catalogue.find(item)
    assert found is not None
    service.catalogue.change(
        found, lambda record: dataclasses.replace(record, purging={item: mark})
    )
    with pytest.raises(ConflictError, match="being removed"):
        service.store_artifact(path)
    with pytest.raises(ConflictError, match="being removed"):
        service.restore_artifact(item)
    assert how(service) == {"busy": [item]}  # the other process may still be at it
    found = service.catalogue.find(item)
    assert found is not None
    killed = {"by": "another", "since": (now() - timedelta(hours=2)).isoformat()}
    service.catalogue.change(
        found, lambda record: dataclasses.replace(record, purging={item: killed})
    )
    assert how(service) == {"purged": [item]}
    assert service.store_artifact(path) == item
    assert fetched(service, item, tmp_path) == path.read_bytes()


# -- verification and rotation --------------------------------------------------------


@pytest.mark.parametrize("encrypted", [False, True])
def test_every_damage_is_found_by_name(
    object_store: Server, tmp_path: Path, encrypted: bool
) -> None:
    (tmp_path / "keys").write_text(new_key())
    source = {"source": "file", "file": tmp_path / "keys"} if encrypted else {"source": "off"}
    service = service_of(object_store, encryption=source)
    chance = random.Random(11)
    for number in range(4):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(chance.randbytes(20_000))
        service.store_artifact(path, {"n": number})
    service.put_file("files/text.txt", text_of(tmp_path / "t.txt", 9000))
    service.put_file("files/empty", text_of(tmp_path / "empty", 0))
    service.store_model(tmp_path / "1.bin")
    said: list[tuple[int, int]] = []
    assert list(verify(service, progress=lambda *at: said.append(at))) == []
    assert said[-1][0] == said[-1][1] > 80_000
    everything = [
        info
        for bucket in service.config.buckets
        for info in service.raw.iter_objects(bucket)
        if info.size
    ]
    assert len(everything) == (19 if encrypted else 11)
    for number, info in enumerate(everything):
        whole = raw_bytes(service, info.bucket, info.key)
        flipped = flip(whole, chance.randrange(len(whole)))
        overwrite(service, info.bucket, info.key, flipped if number % 3 else whole[:-1])
        found = list(verify(JarvisStorageService(service.config)))
        named = " ".join(f"{one.url} {one.what}" for one in found)
        assert f"s3://{info.bucket}/{info.key}" in named
        overwrite(service, info.bucket, info.key, whole)
    contents = [info for info in everything if info.key.startswith(("artifacts/", "models/"))]
    for info in contents:
        service.raw.delete(info.bucket, info.key)
    missing = {one.url for one in verify(service) if "missing" in one.what}
    assert missing == {f"s3://{info.bucket}/{info.key}" for info in contents}


def test_a_content_that_was_swapped_with_another_is_found(
    service: JarvisStorageService, tmp_path: Path
) -> None:
    item = service.store_artifact(text_of(tmp_path / "a.txt", 700, "a"))
    key = f"artifacts/{item}/a.txt"
    service.put_file(key, text_of(tmp_path / "b.txt", 700, "b"))
    (damage,) = verify(service)
    assert damage.url.endswith(key)
    with pytest.raises(DamagedError, match="not what its record says"):
        service.retrieve_artifact(item, tmp_path / "back")


def test_a_rotation_rewraps_keys_and_leaves_content_alone(
    object_store: Server, tmp_path: Path
) -> None:
    old, new = new_key(), new_key()
    keys = tmp_path / "keys"
    keys.write_text(old)
    service = service_of(object_store, encryption={"source": "file", "file": keys})
    path = text_of(tmp_path / "a.txt", 5000)
    item = service.store_artifact(path, {"n": 1})
    service.put_file("files/a.txt", path)
    bucket = service.config.artifacts_bucket
    content_keys = [f"artifacts/{item}/a.txt", "files/a.txt"]
    before = [raw_bytes(service, bucket, key) for key in content_keys]
    versions = [service.raw.stat(bucket, key) for key in content_keys]

    keys.write_text(f"{new}\n{old}\n")
    rotating = JarvisStorageService(service.config)
    said: list[tuple[int, int]] = []
    done = rotate_keys(rotating, progress=lambda *at: said.append(at))
    assert (done.rewrapped, done.failed) == (3, ())
    assert done.key == LocalKeys(new, "").current
    assert said[-1] == (3, 3)
    assert rotate_keys(rotating).rewrapped == 0
    assert [raw_bytes(service, bucket, key) for key in content_keys] == before
    assert [service.raw.stat(bucket, key) for key in content_keys] == versions

    keys.write_text(new)
    after = JarvisStorageService(service.config)
    assert after.retrieve_artifact(item, tmp_path / "back") is True
    assert after.get_file("files/a.txt", tmp_path / "back").size == 5000
    assert list(verify(after)) == []

    keys.write_text(new_key())
    stranger = JarvisStorageService(service.config)
    failed = rotate_keys(stranger).failed
    assert len(failed) == 3
    assert all("needs the key" in why for _, why in failed)
    assert len(list(verify(stranger))) == 5
    off = service.config.model_copy(update={"encryption": EncryptionConfig(source="off")})
    with pytest.raises(ConfigError, match="no key to rotate"):
        rotate_keys(JarvisStorageService(off))


def test_everything_at_once_leaves_no_version_without_content(
    object_store: Server, tmp_path: Path
) -> None:
    """Writers, readers and pruners of one name, with no time of grace at all."""
    retention = {"grace_days": 0, "orphan_hours": 1e-6}
    service = service_of(object_store, retention=retention, encryption={"source": "off"})
    paths = [text_of(tmp_path / f"{n}.onnx", 2000, str(n)) for n in range(3)]
    service.store_model(paths[0], name="net")
    unexpected: list[Exception] = []

    def act(number: int) -> None:
        own, chance = JarvisStorageService(service.config), random.Random(number)
        for _ in range(25):
            item = chance.choice([m["id"] for m in own.list_models()] or ["0" * 32])
            act_once = chance.choice(
                [
                    lambda: own.store_model(chance.choice(paths), name="net"),
                    lambda: list(prune(own)),
                    lambda i=item: own.delete_artifact(i),  # type: ignore[misc]
                    lambda i=item: own.restore_artifact(i),  # type: ignore[misc]
                    lambda i=item: own.retrieve_model(i, tmp_path / f"out{number}"),  # type: ignore[misc]
                ]
            )
            try:
                act_once()
            except ConflictError:
                continue  # it was told
            except TransientError:
                continue  # its content was pruned as a leftover before it was verified
            except Exception as error:  # noqa: BLE001 - shown below
                unexpected.append(error)

    threads = [threading.Thread(target=act, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unexpected == []
    assert list(verify(service)) == []
    for item in service.list_models():
        assert service.retrieve_model(item["id"], tmp_path / "out") is True
