"""A prefix of a real object store as a drive, alone and in step with a folder."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, sync
from jarvis_dagster.services.client_storage.sync.store_drive import StoreDrive
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from tests.services.drive_contract import DriveContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server

BUCKET = "jarvis-artifacts"


@pytest.fixture(scope="module")
def storage(object_store: Server) -> Iterator[JarvisStorageService]:
    config = {"endpoint": object_store.address, "access_key": object_store.access_key}
    service = JarvisStorageService(
        StorageConfig.model_validate({**config, "secret_key": object_store.secret_key})
    )
    service.ensure_buckets()
    yield service
    service.close()


@pytest.fixture
def drive(storage: JarvisStorageService, tmp_path: Path) -> StoreDrive:
    prefix = f"shared/{secrets.token_hex(4)}"
    return StoreDrive(storage, BUCKET, prefix, state_dir=tmp_path / "of drive")


class TestContract(DriveContract):
    """The contract of all drives."""


def test_a_whole_bucket_is_no_drive(storage: JarvisStorageService, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="bucket"):
        StoreDrive(storage, BUCKET, "/", state_dir=tmp_path)


def test_what_is_trashed_can_be_brought_back(
    drive: StoreDrive, storage: JarvisStorageService, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    drive.trash(drive.upload(tmp_path / "x", drive.create_folder("f").id).id)
    (key,) = [
        info.key
        for info in storage.raw.iter_objects(BUCKET, f"{drive.prefix}.trash/")
        if info.key.endswith("/f/x")
    ]
    storage.get_file(key, tmp_path / "back", BUCKET)
    assert (tmp_path / "back").read_bytes() == b"x"
    assert [file.path for file in drive.list_all(recursive=True)] == ["f"]


def test_sizes_and_hashes_are_of_the_content(drive: StoreDrive, tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_bytes(b"a,b,c\n" * 10_000)  # which is stored compressed
    drive.upload(tmp_path / "text.csv")
    (listed,) = drive.list_all()
    assert listed.size == 60_000
    assert listed.sha256 == drive.sha256(listed.id)


def test_a_folder_and_a_prefix_come_into_step(drive: StoreDrive, tmp_path: Path) -> None:
    local = tmp_path / "local"
    (local / "deep/er").mkdir(parents=True)
    (local / "deep/er/x.csv").write_bytes(b"a,b\n" * 5000)
    (local / "empty").mkdir()
    (local / "both.txt").write_bytes(b"of local")
    (tmp_path / "other").write_bytes(b"of store")
    drive.upload(tmp_path / "other", name="both.txt")
    drive.upload(tmp_path / "other", drive.create_folder("Größe").id, "a b.txt")

    def settle() -> dict[str, bytes]:
        report = sync(Side(LocalFolderDrive(local)), Side(drive), state=tmp_path / "state")
        assert (report.status, report.failures) == ("ok", ())
        again = sync(Side(LocalFolderDrive(local)), Side(drive), state=tmp_path / "state")
        assert (again.status, again.steps) == ("ok", ())
        stored = {f.path: f.sha256 for f in drive.list_all(recursive=True)}
        mine = LocalFolderDrive(local)
        assert stored == {
            f.path: "" if f.is_folder else mine.sha256(f.id) for f in mine.list_all(recursive=True)
        }
        return {
            path.relative_to(local).as_posix(): path.read_bytes()
            for path in local.rglob("*")
            if path.is_file() and ".jarvis" not in path.parts and "jarvis-sync" not in path.name
        }

    files = settle()
    assert files["both.txt"] == b"of local"
    assert sorted(files.values()).count(b"of store") == 2
    (local / "deep/er").rename(local / "moved")
    (local / "Größe/a b.txt").write_bytes(b"edited")
    (local / "both.txt").unlink()
    files = settle()
    assert files["moved/x.csv"] == b"a,b\n" * 5000
    assert files["Größe/a b.txt"] == b"edited"
    assert "both.txt" not in files
    found = drive.find("moved/x.csv")
    assert found is not None
    drive.trash(found.id)
    assert "moved/x.csv" not in settle()
    assert (local / "moved").is_dir()
