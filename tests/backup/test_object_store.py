"""Objects of a real S3 server: taken as they are stored, brought back the same."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import random
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.backup.places import FolderPlace, S3Place
from jarvis_dagster.services.backup.restore import NotEmptyError
from jarvis_dagster.services.backup.s3 import S3
from tests.backup.installation import fill, service, state
from tests.servers import run_object_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server

BUCKETS = ("jarvis-artifacts", "jarvis-models")
NAMES = [
    "artifacts/a/plain.mp4",
    "with space & 'quotes' \".mp4",
    "\u00dcbung/\u51b0\u7403\U0001f3d2.mp4",
    "new\nline",
    "percent%2F..%00",
    "plus+semi;colon?query#hash",
    "dots..",
    "x" * 240,
]


@dataclasses.dataclass
class Store:
    """The settings of an object store, as far as a backup asks for them."""

    endpoint: str
    secret_key: SecretStr
    access_key: str = "jarvis"
    secure: bool = False
    region: str = "us-east-1"
    buckets: tuple[str, ...] = BUCKETS

    @classmethod
    def of(cls, server: Server) -> Store:
        return cls(server.address, SecretStr(server.secret_key))

    @property
    def s3(self) -> S3:
        return S3(self)


@pytest.fixture(scope="module")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = run_object_store(tmp_path_factory.mktemp("second"))
    yield server
    server.kill()


@pytest.fixture
def store(object_store: Server) -> Iterator[Store]:
    yield from _empty(Store.of(object_store))


@pytest.fixture
def elsewhere(second_server: Server) -> Iterator[Store]:
    yield from _empty(Store.of(second_server))


def _empty(store: Store) -> Iterator[Store]:
    for bucket in store.buckets:
        with contextlib.suppress(Exception):
            store.s3.client.make_bucket(bucket)
        for found in list(store.s3.client.list_objects(bucket, recursive=True)):
            store.s3.client.remove_object(bucket, found.object_name or "")
    yield store


def put(store: Store, key: str, data: bytes, bucket: str = BUCKETS[0], **meta: str) -> None:
    store.s3.client.put_object(
        bucket, key, io.BytesIO(data), len(data), content_type="video/mp4", metadata=dict(meta)
    )


def objects(store: Store) -> dict[str, tuple[str, str, dict[str, str]]]:
    found = {}
    for bucket in store.buckets:
        for one in store.s3.client.list_objects(bucket, recursive=True):
            response = store.s3.client.get_object(bucket, one.object_name or "")
            headers = {k.lower(): v for k, v in response.headers.items()}
            meta = {
                name: value
                for name, value in headers.items()
                if name.startswith("x-amz-meta-") or name == "content-encoding"
            }
            digest = hashlib.sha256(response.read(decode_content=False)).hexdigest()
            response.close()
            found[f"{bucket}/{one.object_name}"] = (digest, headers["content-type"], meta)
    return found


def test_objects_and_their_headers_come_back_into_another_store(
    store: Store, elsewhere: Store, tmp_path: Path
) -> None:
    chance = random.Random(1)
    for name in NAMES:
        put(store, name, chance.randbytes(5000), sha256="abc", note=f"n{len(name)}")
    put(store, "large.bin", chance.randbytes(33 << 20), BUCKETS[1])
    put(store, "empty", b"", BUCKETS[1])
    put(store, "folder/", b"", BUCKETS[1])
    put(store, "coded", b"as it is stored", BUCKETS[1], **{"Content-Encoding": "gzip"})
    fill(tmp_path / "data")
    place = tmp_path / "place"
    # Of the storage service's buckets, and of one that the settings name besides.
    own = dataclasses.replace(store, buckets=BUCKETS[:1])
    backups = service(tmp_path / "data", place, storage=own, buckets=BUCKETS[1:])
    snapshot = backups.create()
    assert len(objects(store)) == len(NAMES) + 4
    other = service(tmp_path / "other", place, storage=elsewhere)
    assert other.restore(snapshot).failed == ()
    assert objects(elsewhere) == objects(store)
    assert state(tmp_path / "other") == state(tmp_path / "data")
    assert backups.verify().findings == ()
    (tmp_path / "third").mkdir()
    third = service(tmp_path / "third", place, storage=elsewhere)
    with pytest.raises(NotEmptyError, match="s3://jarvis-"):
        third.restore(snapshot)


def test_only_new_and_changed_objects_are_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minio

    from jarvis_dagster.services.backup.sources import objects as source

    monkeypatch.setattr(source, "_SETTLED_S", 0)
    for number in range(5):
        put(store, f"{number}", b"content %d" % number)
    backups = service(tmp_path / "data", tmp_path / "place", storage=store)
    backups.create()
    put(store, "3", b"changed")
    put(store, "new", b"new")
    store.s3.client.remove_object(BUCKETS[0], "0")
    read: list[str] = []
    real = minio.Minio.get_object

    def watched(self: minio.Minio, bucket: str, key: str) -> object:
        read.append(key)
        return real(self, bucket, key)

    monkeypatch.setattr(minio.Minio, "get_object", watched)
    snapshot = backups.create()
    assert sorted(read) == ["3", "new"]
    held = {entry.path.rsplit("/", 1)[-1] for entry in backups.entries(snapshot)}
    assert held == {"1", "2", "3", "4", "new"}


def test_metadata_that_changed_alone_is_backed_up(
    store: Store, elsewhere: Store, tmp_path: Path
) -> None:
    put(store, "a", b"same", note="one")
    backups = service(tmp_path / "data", tmp_path / "place", storage=store)
    backups.create()
    put(store, "a", b"same", note="two")
    snapshot = backups.create()
    other = service(tmp_path / "other", tmp_path / "place", storage=elsewhere)
    other.restore(snapshot)
    assert objects(elsewhere)[f"{BUCKETS[0]}/a"][2] == {"x-amz-meta-note": "two"}


def test_a_backup_can_be_kept_in_a_bucket(store: Store, tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data)
    place = S3Place(store.s3, "jarvis-backups", "club/one")
    before = len(list(place.list()))
    rules = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
    backups = service(data, place, retention=rules)
    backups.create()
    (data / "more.bin").write_bytes(b"more")
    newest = backups.create()
    backups.prune()
    assert [one.id for one in backups.snapshots().snapshots] == [newest.id]
    assert backups.verify().findings == ()
    service(tmp_path / "other", place).restore(newest)
    assert state(tmp_path / "other") == state(data)
    assert before == 0
    assert not any(blob.name.startswith("locks/") for blob in place.list())


def test_what_the_databases_acknowledged_is_in_the_restored_store(
    store: Store, elsewhere: Store, tmp_path: Path
) -> None:
    """A writer stores content, then records it, all the while a backup is made."""
    data = tmp_path / "data"
    (data / "dagster").mkdir(parents=True)
    database = data / "dagster/runs.db"
    stop, written = threading.Event(), []

    def write() -> None:
        s3 = store.s3
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE made (key TEXT, sha256 TEXT)")
            number = 0
            while not stop.is_set():
                content = random.Random(number).randbytes(20_000)
                key = f"artifacts/{number:05}/video.bin"
                s3.client.put_object(BUCKETS[0], key, io.BytesIO(content), len(content))
                with db:
                    digest = hashlib.sha256(content).hexdigest()
                    db.execute("INSERT INTO made VALUES (?, ?)", (key, digest))
                written.append(key)
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        snapshots = []
        backups = service(data, tmp_path / "place", storage=store)
        for _ in range(3):
            before = list(written)
            snapshots.append((backups.create(), before))
    finally:
        stop.set()
        writer.join()
    assert len(written) > 20
    for number, (snapshot, before) in enumerate(snapshots):
        for _ in _empty(elsewhere):
            pass
        other = tmp_path / f"other{number}"
        done = service(other, tmp_path / "place", storage=elsewhere).restore(snapshot)
        assert done.failed == ()
        with contextlib.closing(sqlite3.connect(other / "dagster/runs.db")) as db:
            recorded = dict(db.execute("SELECT key, sha256 FROM made"))
        assert set(before) <= set(recorded)
        restored = objects(elsewhere)
        for key, digest in recorded.items():
            assert restored[f"{BUCKETS[0]}/{key}"][0] == digest


def test_an_object_store_that_is_away_is_an_outage_and_makes_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.services.backup import s3

    monkeypatch.setattr(s3, "_ATTEMPTS", 1)
    fill(tmp_path / "data")
    nowhere = Store("127.0.0.1:9", SecretStr("secret-of-the-store"))
    place = FolderPlace(tmp_path / "place")
    with pytest.raises(TransientError, match="cannot be reached") as caught:
        service(tmp_path / "data", place, storage=nowhere).create()
    assert "secret-of-the-store" not in str(caught.value)
    assert not any(place.list("snapshots/"))
    assert not any(place.list("locks/"))
