"""Versions, rollback, aliases, the trash, retention, verification and rotation."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, ConfigError, ConflictError
from jarvis_dagster.services.storage import DamagedError, JarvisStorageService, claims
from jarvis_dagster.services.storage.catalogue import now
from jarvis_dagster.services.storage.config import EncryptionConfig
from jarvis_dagster.services.storage.key_sources import LocalKeys, new_key
from jarvis_dagster.services.storage.pruning import prune
from jarvis_dagster.services.storage.rotation import rotate_keys
from jarvis_dagster.services.storage.verification import verify
from tests.services.storage_tools import flip, overwrite, raw_bytes, service_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def service(object_store: Server) -> JarvisStorageService:
    return service_of(object_store)


def model(tmp_path: Path, words: str) -> Path:
    return text_of(tmp_path / "detector.onnx", 3000, words)


def three_versions(service: JarvisStorageService, tmp_path: Path) -> list[str]:
    return [
        service.store_model(model(tmp_path, word), {"map": quality, "word": word}, name="detector")
        for word, quality in (("one", 0.5), ("two", 0.6), ("three", 0.4))
    ]


def fetched(service: JarvisStorageService, item_id: str, tmp_path: Path) -> bytes:
    assert service.retrieve(item_id, tmp_path / "fetched") is True
    return (tmp_path / "fetched").read_bytes()


def age(service: JarvisStorageService, item_id: str, **fields: Any) -> None:
    """Change the times of a version, as if they had passed."""
    found = service.catalogue.find(item_id)
    assert found is not None
    numbers = {version.number for version in found.record.of(item_id)}
    service.catalogue.change(found, lambda record: record.changed(numbers, **fields))


# -- versions ----------------------------------------------------------------------


def test_each_store_of_a_name_is_a_version(service: JarvisStorageService, tmp_path: Path) -> None:
    ids = three_versions(service, tmp_path)
    assert len(set(ids)) == 3
    for item in ids:
        assert [v.id for v in service.history(item)] == ids
    assert service.resolve("detector").number == 3
    assert service.resolve("detector", "1").id == ids[0]
    assert service.diff(ids[0], 1, 2) == {
        "metadata": {
            "added": {},
            "removed": {},
            "changed": {"map": (0.5, 0.6), "word": ("one", "two")},
        },
        "content": {"differs": True, "bytes": (3000, 3000)},
    }
    with pytest.raises(BadInputError, match="no version 9"):
        service.diff(ids[0], 1, 9)
    with pytest.raises(BadInputError, match="is stored"):
        service.history("0" * 32)


def test_a_rollback_is_a_version_of_its_own(service: JarvisStorageService, tmp_path: Path) -> None:
    ids = three_versions(service, tmp_path)
    content = fetched(service, ids[0], tmp_path)
    made = service.rollback(ids[2], 1)
    assert (made.number, made.id, made.rolled_back_to) == (4, ids[0], 1)
    assert made.metadata == {"map": 0.5, "word": "one"}
    assert service.resolve("detector").number == 4
    assert fetched(service, service.resolve("detector").id, tmp_path) == content
    service.store_model(model(tmp_path, "one"), {"map": 0.5, "word": "one"}, name="detector")
    assert len(service.history(ids[0])) == 4
    with pytest.raises(BadInputError, match="no version 7"):
        service.rollback(ids[0], 7)
    service.raw.delete(service.config.models_bucket, f"models/{ids[1]}/detector")
    with pytest.raises(DamagedError, match=f"{ids[1]}/detector is gone"):
        service.rollback(ids[0], 2)
    assert len(service.history(ids[0])) == 4


def test_aliases_move(service: JarvisStorageService, tmp_path: Path) -> None:
    ids = three_versions(service, tmp_path)
    service.set_alias("detector", "champion", 2)
    assert service.resolve("detector", "champion").id == ids[1]
    assert [m["aliases"] for m in service.list_models()] == [[], ["champion"], []]
    service.set_alias("detector", "champion", 3)
    assert service.resolve("detector", "champion").id == ids[2]
    service.set_alias("detector", "champion", None)
    for call in (
        lambda: service.resolve("detector", "champion"),
        lambda: service.resolve("nobody"),
        lambda: service.set_alias("nobody", "champion", 1),
        lambda: service.set_alias("detector", "champion", 9),
        lambda: service.set_alias("detector", "latest", 1),
        lambda: service.set_alias("detector", "7", 1),
        lambda: service.set_alias("detector", "a\nb", 1),
        lambda: service.set_alias("detector", "", 1),
    ):
        with pytest.raises(BadInputError):
            call()


def test_a_record_of_before_there_were_versions_is_read(
    service: JarvisStorageService, tmp_path: Path
) -> None:
    import hashlib
    import json

    path = text_of(tmp_path / "a.txt", 500)
    sha256, old_id = hashlib.sha256(path.read_bytes()).hexdigest(), "ab" * 16
    service.put_file(f"artifacts/{old_id}/a.txt", path)
    record = {
        "id": old_id,
        "name": "a.txt",
        "key": f"artifacts/{old_id}/a.txt",
        "size": 500,
        "sha256": sha256,
        "component": "c",
        "experiment_id": None,
        "metadata": {"n": 1},
    }
    service.objects.wire.put(
        service.config.artifacts_bucket,
        f"records/artifacts/{old_id}.json",
        json.dumps(record).encode(),
    )
    assert fetched(service, old_id, tmp_path) == path.read_bytes()
    assert [(a["id"], a["metadata"]) for a in service.list_artifacts("c")] == [(old_id, {"n": 1})]
    assert service.delete_artifact(old_id) is True
    assert service.restore_artifact(old_id) is True
    assert list(verify(service)) == []


# -- two at once -------------------------------------------------------------------


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What each call gave or raised; all begin together."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = calls[number]()
        except ConflictError as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("conditions", ["auto", "off"])
def test_of_writers_at_once_one_wins_and_the_others_are_told(
    object_store: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditions: str
) -> None:
    monkeypatch.setattr(claims, "SETTLE_S", 1.5)
    writers = [
        service_of(object_store, f"race-{conditions}", conditional_writes=conditions)
        for _ in range(4)
    ]
    paths = [text_of(tmp_path / f"{n}.onnx", 2000, str(n)) for n in range(4)]
    acknowledged: list[str] = []
    for _ in range(2):
        results = at_once(
            [
                lambda w=writer, p=path: w.store_model(p, name="net")  # type: ignore[misc]
                for writer, path in zip(writers, paths, strict=True)
            ]
        )
        won = [result for result in results if isinstance(result, str)]
        assert won
        acknowledged += won
        assert all(isinstance(r, ConflictError) for r in results if r not in won)
    history = writers[0].history(acknowledged[0])
    assert [version.number for version in history] == list(range(1, len(history) + 1))
    assert set(acknowledged) == {version.id for version in history}
    results = at_once(
        [lambda w=w, n=n: w.set_alias("net", "champion", n % 2 + 1) for n, w in enumerate(writers)]  # type: ignore[misc]
    )
    assert results.count(None) >= 1
    assert writers[1].resolve("net", "champion").number in {1, 2}


def test_a_stale_read_never_wins(service: JarvisStorageService, tmp_path: Path) -> None:
    ids = three_versions(service, tmp_path)
    stale = service.catalogue.find(ids[0])
    assert stale is not None
    service.rollback(ids[0], 1)
    with pytest.raises(ConflictError, match="another writer"):
        service.catalogue.change(stale, lambda record: record.with_alias("champion", 1))
    assert [v.number for v in service.history(ids[0])] == [1, 2, 3, 4]
    assert service.aliases(ids[0]) == {}


def test_a_lost_answer_is_not_a_conflict(
    service: JarvisStorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server wrote the record, the answer got lost, the second try is refused."""
    import urllib3

    wire = service.objects.wire
    put, failed = wire.put, []

    def losing(bucket: str, key: str, data: bytes, **more: Any) -> str:
        version = put(bucket, key, data, **more)
        if key.startswith("records/") and not failed:
            failed.append(key)
            raise urllib3.exceptions.ProtocolError("lost", ConnectionResetError())
        return version

    monkeypatch.setattr(wire, "put", losing)
    item = service.store_model(model(tmp_path, "one"), {"n": 1})
    assert failed
    assert [v.number for v in service.history(item)] == [1]


def test_a_server_that_ignores_conditions_is_found_out(
    service: JarvisStorageService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert claims.honours_conditions(service.objects.wire, service.config.models_bucket)
    wire = service.objects.wire
    put = wire.put

    def ignoring(bucket: str, key: str, data: bytes, **more: Any) -> str:
        return put(bucket, key, data, **{**more, "condition": None})

    monkeypatch.setattr(wire, "put", ignoring)
    monkeypatch.setattr(claims, "SETTLE_S", 0.0)
    assert not claims.honours_conditions(wire, service.config.models_bucket)
    assert list(service.raw.iter_objects(service.config.models_bucket)) == []
    item = service.store_model(model(tmp_path, "one"))
    assert [v.number for v in service.history(item)] == [1]
    assert list(service.raw.iter_objects(service.config.models_bucket, ".jarvis/")) == []


# -- trash and retention -----------------------------------------------------------


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
    for info in everything:
        whole = raw_bytes(service, info.bucket, info.key)
        for damaged in (flip(whole, chance.randrange(len(whole))), whole[:-1]):
            overwrite(service, info.bucket, info.key, damaged)
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
