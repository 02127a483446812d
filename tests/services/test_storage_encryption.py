"""Compression and encryption, proven on the bytes that the server holds."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import ConfigError, PermanentError, TransientError
from jarvis_dagster.services.storage import DamagedError, JarvisStorageService
from jarvis_dagster.services.storage.config import EncryptionConfig
from jarvis_dagster.services.storage.key_sources import LocalKeys, key_source, new_key
from tests.services.storage_tools import flip, overwrite, raw_bytes, service_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

SECRET_WORDS = b"the goalkeeper is injured"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(new_key() + "\n", "ascii")
    return path


@pytest.fixture
def sealed(object_store: Server, key_file: Path) -> JarvisStorageService:
    return service_of(object_store, encryption={"source": "file", "file": key_file})


def everything(service: JarvisStorageService) -> dict[tuple[str, str], bytes]:
    return {
        (info.bucket, info.key): raw_bytes(service, info.bucket, info.key)
        for bucket in service.config.buckets
        for info in service.raw.iter_objects(bucket)
    }


def test_nothing_of_the_content_is_in_the_stored_bytes(
    sealed: JarvisStorageService, tmp_path: Path
) -> None:
    for number, size in enumerate((0, 1, 1000, 3_000_000)):
        path = tmp_path / f"{number}.txt"
        path.write_bytes((SECRET_WORDS * (size // len(SECRET_WORDS) + 1))[:size])
        item = sealed.store_artifact(path, {"note": SECRET_WORDS.decode()}, "medical")
        assert sealed.retrieve_artifact(item, tmp_path / "back") is True
        assert (tmp_path / "back").read_bytes() == path.read_bytes()
    stored = everything(sealed)
    assert len(stored) == 4 + 4 + 4  # contents, data keys, records
    for (bucket, key), data in stored.items():
        assert SECRET_WORDS not in data, key
        kept = sealed.raw.stat(bucket, key)
        assert kept is not None
        assert b"sha256" not in data
        assert set(kept.metadata) <= {"jarvis"}
    (listed,) = [a for a in sealed.list_artifacts("medical") if a["name"] == "3.txt"]
    assert listed["metadata"] == {"note": SECRET_WORDS.decode()}


def test_the_same_content_is_sealed_differently_each_time(
    sealed: JarvisStorageService, tmp_path: Path
) -> None:
    path = text_of(tmp_path / "a.txt", 5000)
    bucket = sealed.config.artifacts_bucket
    sealed.put_file("one.txt", path)
    sealed.put_file("two.txt", path)
    assert raw_bytes(sealed, bucket, "one.txt") != raw_bytes(sealed, bucket, "two.txt")


def test_content_that_shrinks_is_compressed_and_video_is_left_alone(
    object_store: Server, tmp_path: Path
) -> None:
    service = service_of(object_store)
    text = text_of(tmp_path / "report.json", 400_000)
    noise = tmp_path / "noise.bin"
    noise.write_bytes(random.Random(1).randbytes(400_000))
    video = text_of(tmp_path / "clip.mp4", 400_000)
    tiny = text_of(tmp_path / "tiny.txt", 100)
    sizes = {}
    for path in (text, noise, video, tiny):
        ref = service.put_file(path.name, path)
        assert ref.size == path.stat().st_size
        stored = service.raw.stat(ref.bucket, ref.key)
        assert stored is not None
        sizes[path.name] = stored.size
        assert service.get_file(path.name, tmp_path / "back") == ref
        assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert sizes["report.json"] < 40_000
    assert sizes["noise.bin"] == sizes["clip.mp4"] == 400_000
    assert sizes["tiny.txt"] == 100


def test_a_truncated_zstd_frame_is_not_a_short_content(
    object_store: Server, tmp_path: Path
) -> None:
    service = service_of(object_store)
    path = tmp_path / "table.csv"
    path.write_text("".join(f"{n},{n * n}\n" for n in range(200_000)))
    service.put_file("table.csv", path)
    bucket = service.config.artifacts_bucket
    whole = raw_bytes(service, bucket, "table.csv")
    for part in (whole[:-1], whole[: len(whole) // 2], whole[:20], b"", whole + whole):
        overwrite(service, bucket, "table.csv", part)
        with pytest.raises(DamagedError, match=r"table\.csv"):
            service.get_file("table.csv", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_bomb_is_not_unpacked(object_store: Server, tmp_path: Path) -> None:
    import zstandard

    service = service_of(object_store)
    service.put_file("a.txt", text_of(tmp_path / "a.txt", 5000))
    bomb = zstandard.ZstdCompressor().compress(bytes(200_000_000))
    overwrite(service, service.config.artifacts_bucket, "a.txt", bomb)
    with pytest.raises(DamagedError, match=r"5001 of 5000"):
        service.get_file("a.txt", tmp_path / "back")


def test_each_flipped_bit_is_found_and_named(sealed: JarvisStorageService, tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "noise.bin"
    path.write_bytes(chance.randbytes(2_500_000))
    sealed.put_file("noise.bin", path)
    bucket = sealed.config.artifacts_bucket
    whole = raw_bytes(sealed, bucket, "noise.bin")
    places = [0, 1, 39, 40, len(whole) - 1, *chance.sample(range(len(whole)), 6)]
    for at in places:
        overwrite(sealed, bucket, "noise.bin", flip(whole, at))
        with pytest.raises(DamagedError, match=r"noise\.bin"):
            sealed.objects.check(bucket, "noise.bin")
    segment = 1 << 20
    moved = [
        whole[:-1],
        whole[:segment],
        whole[: 2 * segment],
        whole[segment:],
        whole[:segment] + whole[2 * segment :],
        whole[: 2 * segment] + whole[segment:],
        whole + b"\0",
        b"",
    ]
    for data in moved:
        overwrite(sealed, bucket, "noise.bin", data)
        with pytest.raises(DamagedError, match=r"noise\.bin"):
            sealed.get_file("noise.bin", tmp_path / "back")
    overwrite(sealed, bucket, "noise.bin", whole)
    assert sealed.objects.check(bucket, "noise.bin") is not None


def test_an_object_under_another_name_does_not_open(
    sealed: JarvisStorageService, tmp_path: Path
) -> None:
    bucket, wire = sealed.config.artifacts_bucket, sealed.objects.wire
    sealed.put_file("a.txt", text_of(tmp_path / "a.txt", 2000, "a"))
    sealed.put_file("b.txt", text_of(tmp_path / "b.txt", 2000, "b"))
    moved = sealed.raw.stat(bucket, "a.txt")
    assert moved is not None
    # the whole object, data key included, is moved to the place of another
    wire.put(bucket, "b.txt", raw_bytes(sealed, bucket, "a.txt"), metadata=moved.metadata)
    from jarvis_dagster.services.storage.data_keys import key_folder

    (key_of_a,) = sealed.raw.iter_objects(bucket, key_folder("a.txt"))
    wire.put(
        bucket,
        key_folder("b.txt") + key_of_a.key.rsplit("/", 1)[1],
        raw_bytes(sealed, bucket, key_of_a.key),
    )
    with pytest.raises(DamagedError, match=r"b\.txt"):
        sealed.get_file("b.txt", tmp_path / "back")


def test_a_changed_description_is_found(sealed: JarvisStorageService, tmp_path: Path) -> None:
    import base64

    bucket, wire = sealed.config.artifacts_bucket, sealed.objects.wire
    sealed.put_file("a.txt", text_of(tmp_path / "a.txt", 2000))
    stored = sealed.raw.stat(bucket, "a.txt")
    assert stored is not None
    header = json.loads(base64.b64decode(stored.metadata["jarvis"]))
    lie = {"size": 10, "sha256": "0" * 64, "zstd": False}
    for changed in (
        {**header, "info": lie},
        {**header, "info": base64.b64encode(b"x" * 90).decode()},
        {**header, "info": None},
        {**header, "key": {"id": "nowhere"}},
        {**header, "key": {"by": "x", "wrapped": "?"}},
        {"v": 1},
        [],
    ):
        packed = base64.b64encode(json.dumps(changed).encode()).decode()
        wire.put(bucket, "a.txt", b"x" * stored.size, metadata={"jarvis": packed})
        with pytest.raises(DamagedError, match=r"a\.txt"):
            sealed.get_file("a.txt", tmp_path / "back")
    packed = base64.b64encode(b'{"v": 99}').decode()
    wire.put(bucket, "a.txt", b"x", metadata={"jarvis": packed})
    with pytest.raises(PermanentError, match="newer version"):
        sealed.get_file("a.txt", tmp_path / "back")


def test_a_wrong_key_names_the_object_and_the_key(
    sealed: JarvisStorageService, object_store: Server, key_file: Path, tmp_path: Path
) -> None:
    item = sealed.store_artifact(text_of(tmp_path / "a.txt", 2000))
    sealed.put_file("b.txt", tmp_path / "a.txt")
    needed = LocalKeys(key_file.read_text(), "").current
    other = tmp_path / "other"
    other.write_text(new_key())
    for encryption, word in (
        ({"source": "file", "file": other}, f"needs the key {needed}"),
        ({"source": "off"}, f"{needed}, and there is no key"),
    ):
        config = sealed.config.model_copy(
            update={"encryption": EncryptionConfig.model_validate(encryption)}
        )
        stranger = JarvisStorageService(config)
        with pytest.raises(PermanentError, match=word) as caught:
            stranger.get_file("b.txt", tmp_path / "back")
        assert "b.txt" in str(caught.value)
        assert not isinstance(caught.value, DamagedError)
        with pytest.raises(PermanentError, match=word):
            stranger.retrieve_artifact(item, tmp_path / "back")
        assert not (tmp_path / "back").exists()


def test_plain_objects_stay_readable_and_are_sealed_when_stored_again(
    object_store: Server, key_file: Path, tmp_path: Path
) -> None:
    path = text_of(tmp_path / "a.txt", 2000)
    plain = service_of(object_store, "before")
    old = plain.store_artifact(path, {"n": 1})
    plain.put_file("files/a.txt", path)
    later = service_of(object_store, "before", encryption={"source": "file", "file": key_file})
    assert later.retrieve_artifact(old, tmp_path / "back") is True
    assert later.get_file("files/a.txt", tmp_path / "back").size == 2000
    bucket = later.config.artifacts_bucket
    compressed = raw_bytes(later, bucket, "files/a.txt")
    later.put_file("files/a.txt", path)
    assert raw_bytes(later, bucket, "files/a.txt") != compressed
    assert later.get_file("files/a.txt", tmp_path / "back").size == 2000


def test_keys_come_from_the_environment(
    object_store: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JARVIS_STORAGE_KEYS", raising=False)
    assert key_source(EncryptionConfig()) is None
    with pytest.raises(ConfigError, match="JARVIS_STORAGE_KEYS is empty"):
        key_source(EncryptionConfig(required=True))
    first, second = new_key(), new_key()
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", f"{first}, {second}")
    source = key_source(EncryptionConfig())
    assert isinstance(source, LocalKeys)
    assert source.current == LocalKeys(first, "").current
    wrapped = LocalKeys(second, "").wrap(b"k" * 32, "x")
    assert source.unwrap(wrapped, "x") == b"k" * 32
    with pytest.raises(DamagedError, match="object y"):
        source.unwrap(wrapped, "object y")
    for bad in ("short", first[:-5], "not base64!", first + " QUFB"):
        monkeypatch.setenv("JARVIS_STORAGE_KEYS", bad)
        with pytest.raises(ConfigError, match="JARVIS_STORAGE_KEYS is not 32 bytes") as caught:
            key_source(EncryptionConfig())
        assert first not in str(caught.value)


def test_a_key_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        key_source(EncryptionConfig(source="file", file=tmp_path / "none"))
    with pytest.raises(ValueError, match="must name one"):
        EncryptionConfig(source="file")
    with pytest.raises(ValueError, match="must name a key"):
        EncryptionConfig(source="kms")


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> EncryptionConfig:
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("kms", region_name="eu-central-1")
        number = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName="alias/jarvis", TargetKeyId=number)
        yield EncryptionConfig(source="kms", kms_key="alias/jarvis", kms_region="eu-central-1")


def test_a_kms_wraps_data_keys(kms: EncryptionConfig) -> None:
    source = key_source(kms)
    assert source is not None
    wrapped = source.wrap(b"a data key", "object a.txt")
    assert wrapped.by == source.current
    assert wrapped.by.startswith("arn:aws:kms:")
    assert b"a data key" not in wrapped.data
    assert source.unwrap(wrapped, "object a.txt") == b"a data key"
    with pytest.raises(DamagedError, match=r"object b\.txt"):
        source.unwrap(wrapped, "object b.txt")
    unknown = wrapped._replace(by="00000000-0000-0000-0000-000000000000")
    with pytest.raises(PermanentError, match=r"a\.txt"):
        source.unwrap(unknown, "object a.txt")


def test_content_is_encrypted_by_a_kms(
    object_store: Server, kms: EncryptionConfig, tmp_path: Path
) -> None:
    service = service_of(object_store, encryption=kms)
    path = text_of(tmp_path / "a.txt", 3000)
    item = service.store_artifact(path, {"n": 1})
    other = JarvisStorageService(service.config)  # knows no data key yet
    assert other.retrieve_artifact(item, tmp_path / "back") is True
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert path.read_bytes()[:40] not in b"".join(everything(service).values())


def test_a_kms_that_is_away_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    source = key_source(
        EncryptionConfig(
            source="kms", kms_key="k", kms_endpoint="http://127.0.0.1:1", kms_region="x"
        )
    )
    assert source is not None
    with pytest.raises(TransientError, match="cannot be reached"):
        source.wrap(b"k", "object a")


def test_secrets_are_not_shown(sealed: JarvisStorageService, key_file: Path) -> None:
    key = key_file.read_text().strip()
    shown = f"{sealed.config!r} {sealed.objects.keys.source!r} {vars(sealed.objects)!r}"
    assert key not in shown
