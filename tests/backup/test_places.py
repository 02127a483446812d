"""What every place promises; all of them pass the same tests."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.backup.places import DrivePlace, FolderPlace, S3Place
from jarvis_dagster.services.backup.s3 import S3
from tests.backup.installation import fill, service, state
from tests.backup.memory_place import MemoryPlace
from tests.backup.test_object_store import Store
from tests.providers import provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.backup.places import Place

DRIVES = ("local", "google", "onedrive", "icloud")


@pytest.fixture(params=["folder", "s3", *DRIVES, "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param in DRIVES:
        (tmp_path / "provider").mkdir()
        with provider(request.param, tmp_path / "provider") as drive:
            yield DrivePlace(drive, request.param, "Backups/Jarvis")
    else:
        yield _other(request, tmp_path)


def _other(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "s3":
        server = request.getfixturevalue("object_store")
        store = S3(Store(server.address, SecretStr(server.secret_key)))
        return S3Place(store, "jarvis-places", f"run-{os.getpid()}/{tmp_path.name.lower()}")
    if request.param == "memory":
        return MemoryPlace()
    return FolderPlace(tmp_path / "not yet there" / "place")


def test_what_is_put_is_got_listed_replaced_and_removed(place: Place) -> None:
    assert place.get("packs/ab/one") is None
    assert list(place.list()) == []
    place.delete("packs/ab/one")
    place.put("packs/ab/one", b"1" * 300_000)
    place.put("packs/cd/two", b"")
    place.put("catalogue", b"old")
    place.put("catalogue", b"new")
    assert place.get("packs/ab/one") == b"1" * 300_000
    assert place.get("packs/cd/two") == b""
    assert place.get("catalogue") == b"new"
    sizes = {blob.name: blob.size for blob in place.list()}
    assert sizes == {"packs/ab/one": 300_000, "packs/cd/two": 0, "catalogue": 3}
    assert {blob.name for blob in place.list("packs/")} == {"packs/ab/one", "packs/cd/two"}
    assert {blob.name for blob in place.list("packs/c")} == {"packs/cd/two"}
    assert list(place.list("locks/")) == []
    (found,) = place.list("catalogue")
    age = datetime.datetime.now(datetime.UTC) - found.modified
    assert abs(age.total_seconds()) < 120
    place.delete("packs/ab/one")
    assert place.get("packs/ab/one") is None
    assert {blob.name for blob in place.list()} == {"packs/cd/two", "catalogue"}


def test_an_installation_comes_back_from_any_place(place: Place, tmp_path: Path) -> None:
    fill(tmp_path / "data")
    rules = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
    backups = service(tmp_path / "data", place, retention=rules)
    backups.create()
    (tmp_path / "data/more.txt").write_text("more")
    newest = backups.create()
    assert len(backups.prune().removed) == 1
    assert backups.verify().findings == ()
    service(tmp_path / "other", place).restore(newest)
    assert state(tmp_path / "other") == state(tmp_path / "data")


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a//b", "", "A", ".hidden", "a/.b"])
def test_names_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    folder = FolderPlace(tmp_path)
    for call in (folder.get, folder.delete, lambda one: folder.put(one, b"")):
        with pytest.raises(ValueError, match="no name of a blob"):
            call(name)


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    FolderPlace(tmp_path / "place").put("packs/ab/one", b"1")
    assert (tmp_path / "place").stat().st_mode & 0o077 == 0


def test_what_an_interrupted_write_left_is_no_blob_and_is_tidied(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    place.put("packs/ab/one", b"1")
    (tmp_path / "packs/ab/.one.1234.part").write_bytes(b"half")
    (tmp_path / "packs/ab/A foreign file.txt").write_bytes(b"")
    assert [blob.name for blob in place.list()] == ["packs/ab/one"]
    place.tidy()
    assert not (tmp_path / "packs/ab/.one.1234.part").exists()


def test_a_write_that_somebody_tidies_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, force, tidied = FolderPlace(tmp_path), os.fsync, []

    def tidy_once(handle: int) -> None:
        force(handle)
        if not tidied:
            tidied.append(handle)
            place.tidy()

    monkeypatch.setattr(os, "fsync", tidy_once)
    place.put("locks/one", b"1")
    assert tidied
    assert place.get("locks/one") == b"1"


def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match="cannot be written"):
        FolderPlace(tmp_path / "file").put("one", b"1")
