"""Versions, rollback and aliases, and two writers at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.services.storage import DamagedError, JarvisStorageService, claims
from jarvis_dagster.services.storage.verification import verify
from tests.services.storage_tools import fetched, model, service_of, text_of, three_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def service(object_store: Server) -> JarvisStorageService:
    return service_of(object_store)


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


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb", "a\\b", "x" * 300, "CON", "a\u202eb"])
def test_unusable_names_are_refused(
    service: JarvisStorageService, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadInputError, match="cannot be the name"):
        service.store_model(model(tmp_path, "one"), name=name)
    with pytest.raises(BadInputError, match="cannot be the name"):
        service.resolve(name)


def test_two_unicode_forms_are_one_name(service: JarvisStorageService, tmp_path: Path) -> None:
    first = service.store_model(model(tmp_path, "one"), name="Gr\u00f6\u00dfe")
    second = service.store_model(model(tmp_path, "two"), name="Gro\u0308\u00dfe")
    assert [v.id for v in service.history(first)] == [first, second]


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


def test_an_alias_that_moves_during_an_upload_is_no_conflict(
    service: JarvisStorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = three_versions(service, tmp_path)
    other = JarvisStorageService(service.config)
    put, moved = service.objects.put, []

    def slow_put(*given: Any, **more: Any) -> object:
        if not moved:
            moved.append(True)
            other.set_alias("detector", "champion", 2)
        return put(*given, **more)

    monkeypatch.setattr(service.objects, "put", slow_put)
    item = service.store_model(model(tmp_path, "four"), name="detector")
    assert service.resolve("detector").id == item
    assert service.resolve("detector", "champion").id == ids[1]
    moved.clear()
    monkeypatch.setattr(
        other, "set_alias", lambda *_: other.store_model(model(tmp_path, "six"), name="detector")
    )
    five = text_of(tmp_path / "five.onnx", 500, "five")
    with pytest.raises(ConflictError, match="another writer"):
        service.store_model(five, name="detector")
    assert [v.number for v in service.history(item)] == [1, 2, 3, 4, 5]


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


@pytest.mark.parametrize("how", ["ignores", "refuses"])
def test_a_server_without_conditions_is_found_out(
    service: JarvisStorageService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    import minio
    import urllib3

    assert claims.honours_conditions(service.objects.wire, service.config.models_bucket)
    wire = service.objects.wire
    put = wire.put

    def ignoring(bucket: str, key: str, data: bytes, **more: Any) -> str:
        if more.get("condition") and how == "refuses":
            answer = urllib3.HTTPResponse(status=501)
            raise minio.S3Error(answer, "NotImplemented", "a header", f"/{key}", "id", "host")
        return put(bucket, key, data, **{**more, "condition": None})

    monkeypatch.setattr(wire, "put", ignoring)
    monkeypatch.setattr(claims, "SETTLE_S", 0.0)
    assert not claims.honours_conditions(wire, service.config.models_bucket)
    assert list(service.raw.iter_objects(service.config.models_bucket)) == []
    item = service.store_model(model(tmp_path, "one"))
    assert [v.number for v in service.history(item)] == [1]
    assert list(service.raw.iter_objects(service.config.models_bucket, ".jarvis/")) == []
