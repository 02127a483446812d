"""A full disk, a dead database, a dead object store: a clear word, and work again by itself."""

from __future__ import annotations

import contextlib
import random
import time
import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.security import AuditLog, Principal, SecurityConfig
from jarvis_dagster.services.storage.key_sources import new_key
from tests.limits.conftest import MIB, SmallDisk
from tests.servers import Server, run_object_store
from tests.services.storage_tools import service_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LONGEST_S = 240


def eventually(call: Callable[[], object]) -> object:
    """What a call gives once the server is there again; nothing else is done about it."""
    until = time.monotonic() + _LONGEST_S
    while True:
        try:
            return call()
        except TransientError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def noise(path: Path, size: int) -> Path:
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def test_a_download_onto_a_full_disk_leaves_what_was_there(
    small_disk: SmallDisk, object_store: Server, tmp_path: Path
) -> None:
    service = service_of(object_store)
    film = noise(tmp_path / "film.mp4", 20 * MIB)
    ref = service.put_file("film.mp4", film)
    target = small_disk.folder / "film.mp4"
    target.write_text("the old film")
    with pytest.raises(PermanentError, match=r"cannot be written to disk .*No space left"):
        service.get_file("film.mp4", target)
    assert target.read_text() == "the old film"
    assert [path.name for path in small_disk.folder.iterdir()] == ["film.mp4"]
    small_disk.resize(64)
    assert service.get_file("film.mp4", target) == ref
    assert target.read_bytes() == film.read_bytes()


def test_content_that_finds_no_room_to_be_encrypted_is_not_stored(
    small_disk: SmallDisk, object_store: Server, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text(new_key())
    encryption = {"source": "file", "file": str(tmp_path / "keys")}
    service = service_of(object_store, spool_dir=small_disk.folder, encryption=encryption)
    film = noise(tmp_path / "film.mp4", 20 * MIB)
    with pytest.raises(PermanentError, match="No space is left"):
        service.put_file("film.mp4", film)
    assert not service.exists("film.mp4")
    assert list(small_disk.folder.iterdir()) == []
    small_disk.resize(64)
    ref = service.put_file("film.mp4", film)
    assert service.objects.check(service.config.artifacts_bucket, "film.mp4") == ref


def test_what_cannot_be_noted_is_not_done(small_disk: SmallDisk, tmp_path: Path) -> None:
    config = SecurityConfig(directory=small_disk.folder / "security")
    with JarvisCoreServices(security=config) as core:
        security = core.security_service
        security.audit.add("before", allowed=True)
        done: list[str] = []

        class Service:
            def deliver(self) -> None:
                done.append("delivered")

        guarded = security.guard(Service(), "notification", Principal("ada", "admin", None))
        filler = small_disk.fill()
        with contextlib.suppress(TransientError):
            for _ in range(200):  # the last block of the file has some room
                guarded.deliver()
        before = len(done)
        with pytest.raises(TransientError, match=r"audit log .* cannot be written .*was not done"):
            guarded.deliver()
        assert len(done) == before
        filler.unlink()
        guarded.deliver()
        assert len(done) == before + 1
        assert AuditLog(config.directory / "audit.jsonl").verify() == []
        noted = [entry["action"] for entry in security.audit.entries()]
        assert noted == ["before", *["notification.deliver"] * len(done)]
    assert tmp_path.exists()


def test_a_killed_database_stops_those_that_need_it_until_it_is_back(
    postgres: Server, tmp_path: Path
) -> None:
    url = f"postgresql+psycopg2://jarvis:hush-of-accounts@{postgres.address}/postgres"
    config = SecurityConfig(directory=tmp_path / "security", database=SecretStr(url))
    with JarvisCoreServices(security=config) as core:
        security = core.security_service
        security.add_account("kim", "user", teams=frozenset({"u18"}), password="p" * 12)
        token = security.create_token("kim")
        postgres.kill()
        for call in (
            lambda: security.authenticate(token),
            lambda: security.sign_in("kim", "p" * 12),
            lambda: security.component("spotlight"),
        ):
            with pytest.raises(TransientError, match="database of accounts") as failure:
                call()
            assert "hush" not in "".join(traceback.format_exception(failure.value))
        postgres.start()
        kim = eventually(lambda: security.authenticate(token))
        assert kim == Principal("kim", "user", frozenset({"u18"}))
        postgres.kill()
        postgres.start()
        assert eventually(lambda: security.sign_in("kim", "p" * 12)) == kim


def test_a_killed_object_store_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    store = run_object_store(tmp_path / "store")
    try:
        service = service_of(store, attempts=1, part_mb=5)
        film = noise(tmp_path / "film.mp4", 12 * MIB)
        ref = service.put_file("film.mp4", film)
        item = service.store_artifact(film, {"n": 1})
        target = tmp_path / "back"
        target.write_text("old")
        store.kill()
        for call in (
            lambda: service.get_file("film.mp4", target),
            lambda: service.put_file("other.mp4", film),
            service.list_artifacts,
        ):
            with pytest.raises(TransientError, match=r"cannot be reached .*jarvis up"):
                call()
        assert target.read_text() == "old"
        store.start()
        assert eventually(lambda: service.get_file("film.mp4", target)) == ref
        assert target.read_bytes() == film.read_bytes()
        assert eventually(lambda: service.put_file("other.mp4", film)) is not None
        assert service.retrieve_artifact(item, target)
    finally:
        store.kill()
