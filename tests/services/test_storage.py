"""JarvisStorageService against a real S3 server."""

from __future__ import annotations

import dataclasses
import logging
import threading
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.storage import (
    DamagedError,
    JarvisStorageService,
    ObjectRef,
    StorageConfig,
)
from tests.servers import Server, free_ports, run_object_store

if TYPE_CHECKING:
    from jarvis_dagster.services.storage.hashing import Hashes

HOSTILE_NAMES = [
    "plain.mp4",
    "with space & 'quotes' \".mp4",
    "Übung 1 \u2013 Größe.mp4",
    "冰球🏒.mp4",
    "U\u0308bung.mp4",  # decomposed
    "new\nline\ttab.mp4",
    "back\\slash..\\x.mp4",
    "..hidden",
    "percent%2F..%00.mp4",
    "plus+semi;colon?query#hash.mp4",
    "\u202egpj.exe",
    "CON.txt",
    "x" * 240 + ".mp4",
]


def config_of(server: Server, **more: object) -> StorageConfig:
    return StorageConfig.model_validate(
        {
            "endpoint": server.address,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            **more,
        }
    )


@pytest.fixture(scope="module")
def storage(object_store: Server) -> JarvisStorageService:
    service = JarvisStorageService(config_of(object_store))
    service.ensure_buckets()
    service.ensure_buckets()  # again is harmless
    return service


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not really a video" * 1000)
    return path


def test_an_artifact_comes_back_as_it_was(
    storage: JarvisStorageService, clip: Path, tmp_path: Path
) -> None:
    artifact = storage.store_artifact(clip, {"periods": 3, "venue": "Größe 🏒"}, "spotlight")
    target = tmp_path / "new folder" / "back.mp4"
    assert storage.retrieve_artifact(artifact, target) is True
    assert target.read_bytes() == clip.read_bytes()
    assert [p.name for p in target.parent.iterdir()] == ["back.mp4"]
    (listed,) = [a for a in storage.list_artifacts(component="spotlight") if a["id"] == artifact]
    assert listed["path"] == f"artifacts/{artifact}/clip.mp4"
    assert listed["size"] == clip.stat().st_size
    assert listed["metadata"] == {"periods": 3, "venue": "Größe 🏒"}
    assert listed["modified"].tzinfo is not None


def test_same_content_is_one_artifact_and_renews_its_metadata(
    storage: JarvisStorageService, clip: Path
) -> None:
    first = storage.store_artifact(clip, {"n": 1}, "same", "e1")
    again = storage.store_artifact(clip, {"n": 2}, "same", "e1")
    other_experiment = storage.store_artifact(clip, {"n": 3}, "same", "e2")
    clip.write_bytes(b"changed")
    other_content = storage.store_artifact(clip, {"n": 4}, "same", "e1")
    assert first == again
    assert len({first, other_experiment, other_content}) == 3
    listed = {a["id"]: a["metadata"]["n"] for a in storage.list_artifacts("same", "e1")}
    assert listed == {first: 2, other_content: 4}
    assert [v.number for v in storage.history(first)] == [1, 2, 3]
    assert len(storage.list_artifacts(component="same")) == 3
    assert storage.list_artifacts("nobody") == []
    assert [a["id"] for a in storage.list_artifacts(experiment_id="e2")] == [other_experiment]


def test_a_missing_artifact_is_false_and_leaves_nothing(
    storage: JarvisStorageService, tmp_path: Path
) -> None:
    target = tmp_path / "none" / "x.bin"
    for missing in ("0" * 32, "../../records", "", "no such id"):
        assert storage.retrieve_artifact(missing, target) is False
    assert not target.parent.exists()


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_survive(storage: JarvisStorageService, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(name.encode())
    artifact = storage.store_artifact(path, component="names")
    assert storage.retrieve_artifact(artifact, tmp_path / "back") is True
    assert (tmp_path / "back").read_bytes() == name.encode()
    (listed,) = [a for a in storage.list_artifacts("names") if a["id"] == artifact]
    assert listed["path"].count("/") == 2
    assert listed["path"].isprintable()


def test_an_empty_file_is_an_artifact(storage: JarvisStorageService, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    artifact = storage.store_artifact(tmp_path / "empty")
    assert storage.retrieve_artifact(artifact, tmp_path / "back") is True
    assert (tmp_path / "back").read_bytes() == b""


def test_a_large_file_is_streamed(storage: JarvisStorageService, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    block = bytes(range(256)) * 4096
    with big.open("wb") as stream:
        for number in range(200):
            stream.write(number.to_bytes(4, "big") + block[4:])
    tracemalloc.start()
    ref = storage.put_file("videos/big.bin", big)
    got = storage.get_file("videos/big.bin", tmp_path / "back.bin")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got == ref
    assert ref.size == 200 * len(block)
    assert peak < 100e6  # a few parts in flight, not the file


def test_metadata_that_cannot_be_stored_fails_before_anything_is_sent(
    storage: JarvisStorageService, clip: Path
) -> None:
    for bad in ({"x": object()}, {"x": float("nan")}):
        with pytest.raises(BadInputError, match="metadata"):
            storage.store_artifact(clip, bad, component="bad metadata")
    assert storage.list_artifacts("bad metadata") == []


def test_large_metadata_is_kept(storage: JarvisStorageService, clip: Path) -> None:
    metadata = {"list": ["ü" * 100] * 500}
    artifact = storage.store_artifact(clip, metadata, component="large")
    (listed,) = storage.list_artifacts("large")
    assert (listed["id"], listed["metadata"]) == (artifact, metadata)


def test_models_have_their_own_bucket(
    storage: JarvisStorageService, clip: Path, tmp_path: Path
) -> None:
    model = storage.store_model(clip, {"map": 0.9}, component="toolchain")
    (listed,) = storage.list_models("toolchain")
    assert listed["id"] == model
    assert storage.exists(listed["path"], bucket="jarvis-models")
    assert not storage.exists(listed["path"])
    assert storage.retrieve_model(model, tmp_path / "m") is True
    assert storage.retrieve_artifact(model, tmp_path / "m") is False


def test_files_under_keys(storage: JarvisStorageService, clip: Path, tmp_path: Path) -> None:
    ref = storage.put_file("videos/größe 🏒/clip.mp4", clip)
    assert ref == storage.stat(ref.key)
    assert isinstance(ref, ObjectRef)
    assert ref.url == storage.url(ref.key) == f"s3://jarvis-artifacts/{ref.key}"
    clip.write_bytes(b"version 2")
    newer = storage.put_file(ref.key, clip)
    assert newer.sha256 != ref.sha256
    assert storage.get_file(ref.key, tmp_path / "back") == newer
    assert (tmp_path / "back").read_bytes() == b"version 2"
    with pytest.raises(PermanentError, match="does not exist"):
        storage.get_file("videos/none", tmp_path / "none")


@pytest.mark.parametrize("key", ["", "/x", "x/", "a//b", "a/../b", ".", "a\nb", "a\\b", "x" * 1025])
def test_unusable_keys_are_refused(storage: JarvisStorageService, clip: Path, key: str) -> None:
    with pytest.raises(BadInputError, match="key"):
        storage.put_file(key, clip)


@pytest.mark.parametrize("change", ["rewrite", "truncate", "grow"])
def test_a_file_that_changes_while_it_is_sent_is_not_acknowledged(
    storage: JarvisStorageService, clip: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    from jarvis_dagster.services.storage import objects

    true_hash = objects.hash_file

    def hash_then_change(path: Path) -> Hashes:
        digest = true_hash(path)
        content = path.read_bytes()
        changed = {"rewrite": content[::-1], "truncate": content[:10], "grow": content * 2}
        path.write_bytes(changed[change])
        return digest

    monkeypatch.setattr(objects, "hash_file", hash_then_change)
    with pytest.raises(BadInputError, match="changed while"):
        storage.put_file(f"{change}.mp4", clip)
    assert not storage.exists(f"{change}.mp4")


def test_an_object_that_is_not_kept_is_not_acknowledged(
    storage: JarvisStorageService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = JarvisStorageService(storage.config.model_copy(update={"attempts": 2}))
    monkeypatch.setattr(forgetful.objects.wire, "head", lambda *_: None)
    with pytest.raises(TransientError, match="reports None"):
        forgetful.put_file("kept/not.mp4", clip)
    with pytest.raises(TransientError, match="reports None"):
        forgetful.store_artifact(clip, component="kept not")
    assert storage.list_artifacts("kept not") == []


def test_a_folder_is_not_a_target(
    storage: JarvisStorageService, clip: Path, tmp_path: Path
) -> None:
    storage.put_file("target.mp4", clip)
    with pytest.raises(BadInputError, match="is a folder"):
        storage.get_file("target.mp4", tmp_path)


def test_what_is_deleted_while_it_is_fetched_leaves_the_target_alone(
    storage: JarvisStorageService, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put_file("going.mp4", clip)
    (tmp_path / "back").write_text("what was here")
    monkeypatch.setattr(storage.objects.wire, "open", lambda *_: None)
    with pytest.raises(PermanentError, match="does not exist"):
        storage.get_file("going.mp4", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "what was here"


def test_a_full_local_disk_leaves_the_target_alone(
    storage: JarvisStorageService, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.storage import objects

    storage.put_file("fits not.mp4", clip)
    (tmp_path / "back").write_text("what was here")

    def write_to_a_full_disk(_: object, chunk: bytes, url: str) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            true_write(full, chunk, url)

    true_write = objects.write_to
    monkeypatch.setattr(objects, "write_to", write_to_a_full_disk)
    with pytest.raises(PermanentError, match=r"fits not.*cannot be written to disk"):
        storage.get_file("fits not.mp4", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "what was here"


@pytest.mark.parametrize(
    ("code", "status", "kind", "word"),
    [
        ("SlowDown", 503, TransientError, "not ready"),
        ("SomethingNew", 500, TransientError, "not ready"),
        ("NotImplemented", 501, PermanentError, "NotImplemented"),
        ("RequestTimeTooSkewed", 403, PermanentError, "clock"),
        ("AccessDenied", 403, PermanentError, "secret_key"),
        ("NoSuchBucket", 404, PermanentError, "jarvis storage init"),
        ("EntityTooLarge", 400, PermanentError, "EntityTooLarge"),
    ],
)
def test_what_the_server_answers_is_told_apart(
    code: str, status: int, kind: type[Exception], word: str
) -> None:
    import minio
    import urllib3

    from jarvis_dagster.services.storage.faults import translated

    answer = urllib3.HTTPResponse(status=status)
    error = minio.S3Error(answer, code, "says hunter2", "/b/k", "id", "host")
    with pytest.raises(kind, match=word) as caught, translated("host:1", "s3://b/k"):
        raise error
    assert type(caught.value) is kind
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_damaged_object_is_not_delivered(
    storage: JarvisStorageService, clip: Path, tmp_path: Path
) -> None:
    import io

    artifact = storage.store_artifact(clip, component="damaged")
    (listed,) = storage.list_artifacts("damaged")
    storage.objects.wire.client.put_object(
        "jarvis-artifacts",
        listed["path"],
        io.BytesIO(b"x" * listed["size"]),
        listed["size"],
        metadata={"sha256": listed["sha256"]},
    )
    target = tmp_path / "kept"
    target.write_text("what was here")
    with pytest.raises(DamagedError, match=listed["path"]):
        storage.retrieve_artifact(artifact, target)
    assert target.read_text() == "what was here"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "kept"]


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_is_not_a_file_is_refused(
    storage: JarvisStorageService, tmp_path: Path, what: str
) -> None:
    path = tmp_path if what == "folder" else tmp_path / "missing"
    with pytest.raises(BadInputError):
        storage.store_artifact(path)


def test_check_names_a_missing_bucket(object_store: Server) -> None:
    service = JarvisStorageService(config_of(object_store, logs_bucket="not-there"))
    with pytest.raises(PermanentError, match=r"not-there.*jarvis storage init"):
        service.check()


def test_a_missing_bucket_is_not_a_missing_artifact(object_store: Server, tmp_path: Path) -> None:
    service = JarvisStorageService(config_of(object_store, artifacts_bucket="never-made"))
    with pytest.raises(PermanentError, match="never-made"):
        service.retrieve_artifact("0" * 32, tmp_path / "x")
    with pytest.raises(PermanentError, match="never-made"):
        service.list_artifacts()


def test_a_wrong_secret_is_permanent_and_not_shown(
    object_store: Server, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = JarvisStorageService(config_of(object_store, secret_key="hunter2-hunter2"))
    with pytest.raises(PermanentError, match="secret_key") as caught:
        wrong.store_artifact(clip)
    shown = f"{caught.value!r} {caught.value} {wrong.config!r} {caplog.text}"
    assert "hunter2" not in shown
    assert not isinstance(caught.value, TransientError)


def test_tls_to_a_server_without_it_is_permanent(object_store: Server) -> None:
    service = JarvisStorageService(config_of(object_store, secure=True))
    with pytest.raises(PermanentError, match=r"storage\.secure"):
        service.check()


def test_an_outage_is_transient(tmp_path: Path, clip: Path) -> None:
    (port,) = free_ports(1)
    service = JarvisStorageService(
        StorageConfig.model_validate(
            {"endpoint": f"127.0.0.1:{port}", "secret_key": "x" * 16, "attempts": 2}
        )
    )
    for call in (
        service.check,
        lambda: service.store_artifact(clip),
        lambda: service.retrieve_artifact("0" * 32, tmp_path / "x"),
        service.list_artifacts,
    ):
        with pytest.raises(TransientError, match="cannot be reached"):
            call()


def test_a_server_killed_and_restarted_loses_nothing(tmp_path: Path) -> None:
    """Writers go on through a kill -9; what they acknowledged is there afterwards."""
    server = run_object_store(tmp_path / "store")
    service = JarvisStorageService(config_of(server, attempts=12))
    stored: dict[str, bytes] = {}
    failures: list[Exception] = []
    first_half = threading.Event()

    def write() -> None:
        for number in range(60):
            path = tmp_path / f"{number}.bin"
            path.write_bytes(number.to_bytes(4, "big") * 5000)
            try:
                stored[service.store_artifact(path, {"n": number})] = path.read_bytes()
            except Exception as error:  # noqa: BLE001 - shown by the assertion below
                failures.append(error)
            if number == 20:
                first_half.set()

    writer = threading.Thread(target=write)
    try:
        service.ensure_buckets()
        writer.start()
        assert first_half.wait(240)
        server.kill()
        server.start()
        writer.join(120)
        assert failures == []
        assert len(service.list_artifacts()) == len(stored) == 60
        for artifact, content in stored.items():
            assert service.retrieve_artifact(artifact, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == content
    finally:
        server.kill()
        if writer.ident:
            writer.join(120)


def test_config_refuses_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="host:port"):
        StorageConfig.model_validate({"endpoint": "http://x:1", "secret_key": "y"})
    with pytest.raises(ValueError, match="bucket"):
        StorageConfig.model_validate({"secret_key": "y", "bucket": "z"})
    with pytest.raises(ValueError, match="secret_key") as caught:
        StorageConfig.model_validate({"secret_key": ["hunter2"], "secretkey": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert all(f.description for f in StorageConfig.model_fields.values())


def test_object_refs_are_values() -> None:
    ref = ObjectRef("b", "k", 1, "")
    assert dataclasses.asdict(ref) == {"bucket": "b", "key": "k", "size": 1, "sha256": ""}
