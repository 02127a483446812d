"""What several threads open, make or replace at the same moment is one thing, whole.

Belongs here: first use and replacement of files that processes share. Does not belong here: what
is in them.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pytest

from jarvis_dagster.claims import claim, is_claimed
from jarvis_dagster.errors import AccessDeniedError, PermanentError
from jarvis_dagster.services.analytics.store import MetricStore
from jarvis_dagster.services.approval.links import Links
from jarvis_dagster.services.backup.config import BackupConfig
from jarvis_dagster.services.backup.passphrase import KnownPlaces, make_passphrase
from jarvis_dagster.services.client_storage import DriveFile
from jarvis_dagster.services.client_storage.journal import ChangeJournal
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.search.index import SearchIndex
from jarvis_dagster.services.notification.notice import Notice
from jarvis_dagster.services.notification.outbox import Outbox
from jarvis_dagster.services.security import JarvisSecurityService, SecurityConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = 6
T = TypeVar("T")


def at_once(act: Callable[[int], T]) -> list[T]:
    """What ``act`` returns for each of several threads that begin together."""
    ready = threading.Barrier(PEOPLE)

    def one(number: int) -> T:
        ready.wait()
        return act(number)

    with ThreadPoolExecutor(PEOPLE) as pool:
        return list(pool.map(one, range(PEOPLE)))


@pytest.mark.parametrize("attempt", range(3))
def test_a_new_database_of_accounts(tmp_path: Path, attempt: int) -> None:
    def sign_up(number: int) -> None:
        service = JarvisSecurityService(SecurityConfig(directory=tmp_path))
        service.accounts.add(f"user{number}", "viewer")
        service.close()

    at_once(sign_up)
    service = JarvisSecurityService(SecurityConfig(directory=tmp_path))
    assert [one.name for one in service.accounts.all()] == [f"user{n}" for n in range(PEOPLE)]
    service.close()


def test_each_of_the_wrong_passwords_counts(tmp_path: Path) -> None:
    service = JarvisSecurityService(SecurityConfig(directory=tmp_path), clock=lambda: 1000.0)
    service.accounts.add("ann", "viewer", password="a long password of ann")
    at_once(lambda _: service.accounts._wrong("ann", 1000.0))
    before = SecurityConfig().failures_until_wait
    assert before < PEOPLE
    with pytest.raises(AccessDeniedError, match="Too many wrong passwords") as refused:
        service.sign_in("ann", "a long password of ann")
    config = SecurityConfig()
    wait = min(config.wait_s * 2 ** (PEOPLE - before), config.longest_wait_s)
    assert f"Wait {wait:.0f} seconds" in str(refused.value)
    service.close()


@pytest.mark.parametrize("attempt", range(3))
def test_a_new_outbox(tmp_path: Path, attempt: int) -> None:
    notice = Notice(event="run_failed", summary="It failed.", severity="error")
    at_once(lambda number: Outbox(tmp_path).add(notice, f"channel{number}", 1.0, 1.0, 10.0))
    assert Outbox(tmp_path).count("waiting") == PEOPLE


@pytest.mark.parametrize("attempt", range(3))
def test_a_new_store_of_metrics(tmp_path: Path, attempt: int) -> None:
    stores = [MetricStore(tmp_path / "metrics.sqlite3") for _ in range(PEOPLE)]
    at_once(lambda number: list(stores[number].collect()))


@pytest.mark.parametrize("attempt", range(3))
def test_a_damaged_journal_is_replaced_once(tmp_path: Path, attempt: int) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database" * 500)
    when = datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC)
    file = DriveFile("", "", 7, "1", when, "video/mp4")

    def record(number: int) -> None:
        mine = dataclasses.replace(file, id=f"{number}", path=f"{number}")
        ChangeJournal(path).record([mine], complete=False)

    at_once(record)
    assert ChangeJournal(path).known() == {f"{n}": "1" for n in range(PEOPLE)}


def test_a_claim_is_refused_only_by_another_claim(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "game"
    refused: list[int] = []

    def claim_or_look(number: int) -> None:
        for turn in range(30):
            if number:
                is_claimed(folder)
                continue
            with claim(folder) as mine:
                if not mine:
                    refused.append(turn)

    at_once(claim_or_look)
    assert refused == []


def test_one_at_a_time_has_a_folder_that_each_removes(tmp_path: Path) -> None:
    folder, inside = tmp_path / "work" / "game", tmp_path / "inside"

    def work(_: int) -> int:
        had = 0
        for _turn in range(30):
            with claim(folder) as mine:
                if mine:
                    inside.touch(exist_ok=False)
                    inside.unlink()
                    had += 1
        return had

    assert sum(at_once(work)) > 0
    assert not folder.exists()


def test_a_folder_in_whose_place_is_a_file_cannot_be_claimed(tmp_path: Path) -> None:
    (tmp_path / "game").touch()
    with pytest.raises(FileExistsError), claim(tmp_path / "game"):
        pass


def test_one_passphrase_and_all_places(tmp_path: Path) -> None:
    def back_up(number: int) -> str:
        KnownPlaces(tmp_path / "places.json").add(f"/disk{number}", "id")
        return make_passphrase(BackupConfig(), tmp_path).get_secret_value()

    (made,) = set(at_once(back_up))
    assert (tmp_path / "secrets" / "backup.key").read_text() == f"{made}\n"
    assert (tmp_path / "secrets" / "backup.key").stat().st_mode & 0o777 == 0o600
    known = json.loads((tmp_path / "places.json").read_text())
    assert known == {f"/disk{n}": "id" for n in range(PEOPLE)}


def test_one_key_of_links(tmp_path: Path) -> None:
    tokens = at_once(lambda _: Links(tmp_path / "keys" / "links").make("approval", 9e9)[0])
    assert {Links(tmp_path / "keys" / "links").read(token, 1.0)[0] for token in tokens} == {
        "approval"
    }


def test_who_searches_while_the_index_is_made_finds_nothing_or_all(tmp_path: Path) -> None:
    found: list[object] = []

    def write_or_search(number: int) -> None:
        index = SearchIndex(tmp_path / "index")
        for _ in range(5):
            if number == 0:
                with index.writing():
                    pass
                continue
            try:
                found.append(index.search("goal"))
            except PermanentError as error:
                found.append(error.what)
        index.close()

    at_once(write_or_search)
    assert [one for one in found if one not in ([], "Nothing was indexed yet.")] == []


def test_files_of_one_name_are_kept_while_others_move_them(tmp_path: Path) -> None:
    sources = [tmp_path / f"{number}.txt" for number in range(PEOPLE)]
    for source in sources:
        source.write_text(source.name)

    def send_and_move(number: int) -> None:
        drive = LocalFolderDrive(tmp_path / "drive", tmp_path / "state")
        sent = drive.upload(sources[number], None, "same.txt")
        drive.move(sent.id, drive.create_folder("kept").id)
        assert drive.find("kept/gone/other.txt") is None

    at_once(send_and_move)
    kept = sorted(path.read_text() for path in (tmp_path / "drive" / "kept").iterdir())
    assert kept == sorted(source.name for source in sources)
