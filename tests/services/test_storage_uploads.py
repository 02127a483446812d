"""Large files: in parts, resumed, whole or not there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.storage.key_sources import new_key
from tests.services.storage_tools import service_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.storage.hashing import Hashes
    from jarvis_dagster.services.storage.parts import Part
    from tests.servers import Server

PART = 5 << 20
SIZE = 4 * PART + 12345


@pytest.fixture
def service(object_store: Server, tmp_path: Path) -> JarvisStorageService:
    return service_of(object_store, part_mb=5, spool_dir=tmp_path / "spool")


@pytest.fixture
def sealing(object_store: Server, tmp_path: Path) -> JarvisStorageService:
    (tmp_path / "keys").write_text(new_key())
    return service_of(
        object_store,
        part_mb=5,
        spool_dir=tmp_path / "spool",
        encryption={"source": "file", "file": tmp_path / "keys"},
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(random.Random(3).randbytes(SIZE))
    return path


def sent_parts(service: JarvisStorageService, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts that are sent from now on."""
    requests, numbers = service.objects.uploads._requests, []
    put = requests.put

    def noting(bucket: str, key: str, upload_id: str, number: int, data: bytes) -> Part:
        part = put(bucket, key, upload_id, number, data)
        numbers.append(number)
        return part

    monkeypatch.setattr(requests, "put", noting)
    return numbers


def fail_at(
    service: JarvisStorageService, monkeypatch: pytest.MonkeyPatch, number: int
) -> pytest.MonkeyPatch:
    """Make part ``number`` and what follows fail."""
    requests = service.objects.uploads._requests
    put = requests.put

    def failing(bucket: str, key: str, upload_id: str, at: int, data: bytes) -> Part:
        if at >= number:
            raise PermanentError("The process is killed here.")
        return put(bucket, key, upload_id, at, data)

    monkeypatch.setattr(requests, "put", failing)
    return monkeypatch


@pytest.mark.parametrize("kind", ["service", "sealing"])
def test_an_interrupted_upload_is_invisible_and_goes_on_where_it_stopped(
    kind: str, film: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    service: JarvisStorageService = request.getfixturevalue(kind)
    with pytest.MonkeyPatch.context() as patch:
        fail_at(service, patch, 4)
        with pytest.raises(PermanentError, match="killed"):
            service.put_file("film.mp4", film)
    assert not service.exists("film.mp4")
    with pytest.MonkeyPatch.context() as patch:
        numbers = sent_parts(service, patch)
        said: list[tuple[int, int]] = []
        ref = service.put_file("film.mp4", film, progress=lambda *at: said.append(at))
    assert sorted(numbers) == [4, 5]
    assert said[-1] == (SIZE, SIZE)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert service.get_file("film.mp4", tmp_path / "back") == ref
    assert (tmp_path / "back").read_bytes() == film.read_bytes()
    bucket = service.config.artifacts_bucket
    assert list(service.raw.iter_objects(bucket, ".jarvis/uploads/")) == []
    assert not (tmp_path / "spool").exists() or list((tmp_path / "spool").iterdir()) == []


def test_parts_that_were_damaged_are_sent_again(
    service: JarvisStorageService, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(service, patch, 3)
        with pytest.raises(PermanentError):
            service.put_file("film.mp4", film)
    bucket, requests = service.config.artifacts_bucket, service.objects.uploads._requests
    (upload,) = requests.unfinished(bucket)
    requests.put(bucket, "film.mp4", upload.upload_id, 1, b"x" * PART)
    numbers = sent_parts(service, monkeypatch)
    service.put_file("film.mp4", film)
    assert sorted(numbers) == [1, 3, 4, 5]
    assert service.objects.check(bucket, "film.mp4") is not None


def test_other_content_does_not_go_on_with_an_upload(
    service: JarvisStorageService, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(service, patch, 3)
        with pytest.raises(PermanentError):
            service.put_file("film.mp4", film)
    film.write_bytes(random.Random(4).randbytes(SIZE))
    numbers = sent_parts(service, monkeypatch)
    service.put_file("film.mp4", film)
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    assert service.objects.check(service.config.artifacts_bucket, "film.mp4") is not None


@pytest.mark.parametrize("kind", ["service", "sealing"])
def test_a_large_file_that_changes_while_it_is_sent_is_never_visible(
    kind: str, film: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.storage import objects

    service: JarvisStorageService = request.getfixturevalue(kind)
    true_hash = objects.hash_file

    def hash_then_change(path: Path) -> Hashes:
        digest = true_hash(path)
        path.write_bytes(random.Random(5).randbytes(SIZE))
        return digest

    monkeypatch.setattr(objects, "hash_file", hash_then_change)
    with pytest.raises(BadInputError, match="changed while"):
        service.put_file("film.mp4", film)
    assert not service.exists("film.mp4")
    bucket = service.config.artifacts_bucket
    assert list(service.objects.uploads._requests.unfinished(bucket)) == []


def test_two_processes_that_store_the_same_at_once_both_succeed(
    service: JarvisStorageService, film: Path
) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(3)

    def store() -> None:
        gate.wait()
        try:
            service.put_file("film.mp4", film)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    writers = [threading.Thread(target=store) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    assert service.objects.check(service.config.artifacts_bucket, "film.mp4") is not None


def test_abandoned_uploads_are_cleaned_by_age(service: JarvisStorageService, film: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(service, patch, 2)
        with pytest.raises(PermanentError):
            service.put_file("film.mp4", film)
    bucket, uploads = service.config.artifacts_bucket, service.objects.uploads
    now = datetime.now(UTC)
    assert uploads.clean(bucket, now - timedelta(hours=1)) == []
    assert uploads.clean(bucket, now + timedelta(hours=1)) == ["film.mp4"]
    assert list(uploads._requests.unfinished(bucket)) == []
    assert list(service.raw.iter_objects(bucket)) == []
    service.put_file("film.mp4", film)


KILLED = """
import sys
from pathlib import Path
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
service = JarvisStorageService(StorageConfig.model_validate_json(sys.argv[1]))
print(service.store_artifact(Path(sys.argv[2]), {"n": 1}), flush=True)
"""


def test_writers_that_are_killed_again_and_again(
    sealing: JarvisStorageService, tmp_path: Path
) -> None:
    """kill -9 at growing delays: nothing half is seen, and in the end all is there."""
    film = text_of(tmp_path / "noise.bin", 10)
    film.write_bytes(random.Random(6).randbytes(SIZE))
    config = sealing.config.model_dump(mode="json")
    config["secret_key"] = sealing.config.secret_key.get_secret_value()
    import json

    command = [sys.executable, "-c", KILLED, json.dumps(config), str(film)]
    acknowledged = ""
    for delay_s in (0.7, 0.9, 1.0, 1.1, 1.2, 1.4):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ})
        try:
            acknowledged = process.communicate(timeout=delay_s)[0].decode().strip()
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for artifact in sealing.list_artifacts():  # what is seen is whole
            assert sealing.retrieve_artifact(artifact["id"], tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == film.read_bytes()
        if acknowledged:
            assert len(sealing.list_artifacts()) == 1
    item = sealing.store_artifact(film, {"n": 1})
    assert acknowledged in {"", item}
    assert [v.number for v in sealing.history(item)] == [1]
    assert sealing.retrieve_artifact(item, tmp_path / "back")


def test_a_full_disk_is_an_error_that_says_so(
    sealing: JarvisStorageService, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.storage import encoding

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(encoding.Encoded, "write", full)
        with pytest.raises(PermanentError, match="No space is left on the disk of the spool"):
            sealing.put_file("film.mp4", film)
    assert list((tmp_path / "spool").glob("*")) == []
    assert not sealing.exists("film.mp4")


def test_a_server_that_goes_away_in_the_middle_is_transient(
    service: JarvisStorageService, film: Path
) -> None:
    import urllib3

    requests = service.objects.uploads._requests
    impatient = service.config.model_copy(update={"attempts": 1})
    service.objects.wire.config = impatient
    put = requests.put

    def away(bucket: str, key: str, upload_id: str, at: int, data: bytes) -> Part:
        if at == 3:
            raise urllib3.exceptions.ProtocolError("reset", ConnectionResetError())
        return put(bucket, key, upload_id, at, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "put", away)
        with pytest.raises(TransientError, match=r"film\.mp4"):
            service.put_file("film.mp4", film)
    assert not service.exists("film.mp4")
    service.put_file("film.mp4", film)
    assert service.exists("film.mp4")


def test_a_failure_that_is_told_after_the_answer_began_is_no_success(
    service: JarvisStorageService, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 answers a completion with 200 before it knows, and says in the body what became of it."""
    wire, failures = service.objects.wire, [b"<?xml ?>\n<Error><Code>InternalError</Code></Error>"]
    request = wire.request

    def late(method: str, *args: Any, **more: Any) -> Any:
        if method == "POST" and "uploadId" in (more.get("query") or {}) and failures:
            return SimpleNamespace(data=failures.pop())
        return request(method, *args, **more)

    monkeypatch.setattr(wire, "request", late)
    service.put_file("film.mp4", film)
    assert failures == []
    assert service.exists("film.mp4")


def test_stored_bytes_travel_as_they_are(
    sealing: JarvisStorageService, film: Path, tmp_path: Path
) -> None:
    """What a backup does: everything out, everything gone, everything in again."""
    item = sealing.store_artifact(film, {"n": 1})
    sealing.put_file("notes/a.txt", text_of(tmp_path / "a.txt", 3000))
    bucket = sealing.config.artifacts_bucket
    kept = []
    for number, info in enumerate(list(sealing.raw.iter_objects(bucket))):
        raw = sealing.raw.get(bucket, info.key, tmp_path / "raw" / str(number))
        assert raw is not None
        assert (raw.stored.size, raw.stored.version) == (info.size, info.version)
        kept.append((raw.stored, tmp_path / "raw" / str(number)))
        sealing.raw.delete(bucket, info.key)
    assert sealing.list_artifacts() == []
    for stored, path in kept:
        sealing.raw.put(stored, path)
    fresh = type(sealing)(sealing.config)
    assert fresh.retrieve_artifact(item, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == film.read_bytes()
    assert fresh.get_file("notes/a.txt", tmp_path / "back").size == 3000
    assert sealing.raw.get(bucket, "none", tmp_path / "none") is None
    assert not (tmp_path / "none").exists()
