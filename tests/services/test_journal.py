"""A journal tells every reader what changed since it asked last: nothing more, nothing less."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError, TokenExpiredError
from jarvis_dagster.services.client_storage import Changes, DriveFile
from jarvis_dagster.services.client_storage.journal import ChangeJournal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHEN = datetime.datetime(2026, 11, 2, 3, 4, 5, 678901, datetime.UTC)


def _file(name: str, version: str = "1", parent: str = "", *, folder: bool = False) -> DriveFile:
    path = f"{parent}/{name}" if parent else name
    media_type = "" if folder else "video/mp4"
    return DriveFile(
        path, path, 7, version, WHEN, media_type, is_folder=folder, parent_id=parent, sha256="ab"
    )


@pytest.fixture
def journal(tmp_path: Path) -> ChangeJournal:
    return ChangeJournal(tmp_path / "state" / "journal.sqlite")


def _everything(journal: ChangeJournal, token: str, limit: int = 200) -> Changes:
    files: list[DriveFile] = []
    removed: list[str] = []
    while True:
        page = journal.page(token, limit)
        assert len(page.files) + len(page.removed) <= limit
        files += page.files
        removed += page.removed
        token = page.token
        if not page.more:
            return Changes(tuple(files), tuple(removed), token)


def test_a_file_comes_back_as_it_was_handed_in(journal: ChangeJournal) -> None:
    start = journal.token()
    seen = [_file("a"), _file("Größe 🏒"), _file("d", "", folder=True), _file("b", "2", "d")]
    assert journal.record(seen) == 4
    assert _everything(journal, start).files == tuple(seen)
    assert journal.record(seen) == 0


def test_what_changed_is_told_once(journal: ChangeJournal) -> None:
    journal.record([_file("a"), _file("b"), _file("c")])
    token = journal.token()
    assert journal.page(token) == Changes((), (), token)
    journal.record([_file("a", "2"), _file("c"), _file("d")])
    page = journal.page(token)
    assert (page.files, page.removed, page.more) == ((_file("a", "2"), _file("d")), ("b",), False)
    assert journal.page(page.token) == Changes((), (), page.token)


@pytest.mark.parametrize(
    "change", [{"path": "renamed"}, {"parent_id": "d"}, {"version": "2"}, {"is_folder": True}]
)
def test_a_new_name_folder_version_or_kind_is_a_change(
    journal: ChangeJournal, change: dict[str, object]
) -> None:
    journal.record([_file("a")])
    token = journal.token()
    other = dataclasses.replace(_file("a"), **change)
    assert journal.record([other]) == 1
    assert journal.page(token).files == (other,)


def test_a_folder_that_was_only_touched_is_no_change_but_its_time_is_kept(
    journal: ChangeJournal,
) -> None:
    folder = _file("d", "", folder=True)
    start = journal.token()
    journal.record([folder])
    later = dataclasses.replace(folder, modified=WHEN + datetime.timedelta(days=1))
    assert journal.record([later]) == 0
    assert journal.page(start).files == (later,)


def test_changes_between_pages_are_not_lost(journal: ChangeJournal) -> None:
    token = journal.token()
    journal.record([_file(str(n)) for n in range(5)])
    page = journal.page(token, 2)
    assert ([file.id for file in page.files], page.more) == (["0", "1"], True)
    journal.record([_file("0", "2"), _file("1"), _file("3"), _file("4")])
    rest = _everything(journal, page.token, 2)
    assert [(file.id, file.version) for file in rest.files] == [("3", "1"), ("4", "1"), ("0", "2")]
    assert rest.removed == ("2",)


def test_readers_do_not_disturb_each_other(journal: ChangeJournal) -> None:
    first = journal.token()
    journal.record([_file("a")])
    second = journal.token()
    journal.record([_file("b")])
    assert [file.id for file in journal.page(first).files] == ["b"]
    assert journal.page(first).removed == ("a",)
    assert journal.page(second) == journal.page(second)
    assert journal.page(second).removed == ("a",)


def test_what_comes_back_is_a_change(journal: ChangeJournal) -> None:
    journal.record([_file("a")])
    journal.record([])
    token = journal.token()
    journal.record([_file("a")])
    assert journal.page(token).files == (_file("a"),)


def test_an_incomplete_look_removes_nothing(journal: ChangeJournal) -> None:
    journal.record([_file("a"), _file("b")])
    token = journal.token()
    journal.record([_file("c")], complete=False)
    page = journal.page(token)
    assert ([file.id for file in page.files], page.removed) == (["c"], ())
    assert set(journal.known()) == {"a", "b", "c"}


def test_a_look_that_fails_records_nothing(journal: ChangeJournal) -> None:
    journal.record([_file("a")])
    token = journal.token()

    def failing() -> Iterator[DriveFile]:
        yield _file("b")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        journal.record(failing())
    assert journal.token() == token


def test_a_look_at_one_folder_removes_only_below_it(journal: ChangeJournal) -> None:
    folders = [_file("d", folder=True), _file("e", parent="d", folder=True)]
    below = [_file("x", parent="d"), _file("y", parent="d/e")]
    journal.record([*folders, *below, _file("a")])
    token = journal.token()
    assert journal.known("d") == {"d/e": "1", "d/x": "1", "d/e/y": "1"}
    journal.record([], under="d")
    assert sorted(journal.page(token).removed) == ["d/e", "d/e/y", "d/x"]
    assert set(journal.known()) == {"d", "a"}


def test_folders_that_are_the_same_need_not_be_looked_at(journal: ChangeJournal) -> None:
    folders = [_file("d", folder=True), _file("e", folder=True)]
    journal.record([*folders, _file("x", parent="d"), _file("y", parent="e")])
    token = journal.token()
    assert journal.entries("d") == [_file("x", parent="d")]
    assert (journal.folder_of("d/x"), journal.folder_of("d"), journal.folder_of("z")) == (
        *("d", ""),
        None,
    )
    assert {file.id for file in journal.entries("")} == {"d", "e"}
    journal.record(folders, kept=["d"])
    assert journal.page(token).removed == ("e/y",)


def test_an_older_look_does_not_undo_a_newer_one(journal: ChangeJournal) -> None:
    journal.record([_file("a")])
    began = journal.token()
    journal.record([_file("a", "2"), _file("b")])  # somebody else, meanwhile
    token = journal.token()
    journal.record([_file("a")], since=began)
    assert journal.page(token) == Changes((), (), token)
    journal.record([_file("a", "2")], since=token)
    assert journal.page(token).removed == ("b",)


def test_a_look_begins_when_it_is_handed_in(journal: ChangeJournal) -> None:
    def slow() -> Iterator[DriveFile]:
        yield _file("a")
        journal.record([_file("a"), _file("b")])  # somebody else, meanwhile

    journal.record(slow())
    assert set(journal.known()) == {"a", "b"}


@pytest.mark.parametrize("token", ["", "x", "not a token", "0" * 16, "0" * 16 + ":-1", "é:1"])
def test_damaged_tokens_are_named(journal: ChangeJournal, token: str) -> None:
    with pytest.raises(BadInputError, match="token"):
        journal.page(token)
    with pytest.raises(BadInputError, match="token"):
        journal.record([], since=token)


def test_unknown_tokens_have_expired(journal: ChangeJournal) -> None:
    journal_id, _, seq = journal.token().partition(":")
    for token in (f"{'0' * 16}:0", f"{journal_id}:{int(seq) + 1}"):
        with pytest.raises(TokenExpiredError, match="token"):
            journal.page(token)


def test_old_removals_are_forgotten_and_their_tokens_expire(tmp_path: Path) -> None:
    journal = ChangeJournal(tmp_path / "journal.sqlite", keep_removed=3)
    journal.record([_file(str(n)) for n in range(9)])
    old = journal.token()
    journal.record([_file(str(n)) for n in range(4, 9)])
    with pytest.raises(TokenExpiredError):
        journal.page(old)
    new = journal.token()
    journal.record([_file(str(n)) for n in range(6, 9)])
    assert journal.page(new).removed == ("4", "5")
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (6,)
    db.close()


@pytest.mark.parametrize("damage", ["garbage", "half", "empty", "other", "page", "time", "text"])
def test_a_damaged_file_is_replaced(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.sqlite"
    journal = ChangeJournal(path)
    journal.record([_file(str(n)) for n in range(2000)])
    start = journal.token().partition(":")[0] + ":0"
    content = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "page":
        path.write_bytes(content[:8192] + b"\xff" * 40_000 + content[48_192:])
    else:
        if damage == "other":
            path.unlink()
        db = sqlite3.connect(path)
        if damage == "other":
            db.execute("CREATE TABLE entry (something TEXT)")
        elif damage == "time":
            db.execute("UPDATE entry SET modified = 'noon'")
        else:
            db.execute("UPDATE entry SET path = CAST(x'ff' AS TEXT)")
        db.commit()
        db.close()
    with caplog.at_level(logging.WARNING):
        with pytest.raises(TokenExpiredError):
            _everything(journal, start)
        journal.record([_file("a")])
    assert set(journal.known()) == {"a"}
    assert ("damaged" in caplog.text) == (damage not in ("empty", "other"))


def test_a_folder_that_cannot_be_written_has_a_remedy(tmp_path: Path) -> None:
    from jarvis_dagster.errors import PermanentError

    (tmp_path / "file").write_text("x")
    with pytest.raises(PermanentError, match="permissions"):
        ChangeJournal(tmp_path / "file" / "journal.sqlite").token()
    (tmp_path / "journal.sqlite").mkdir()
    with pytest.raises(PermanentError, match="permissions"):
        ChangeJournal(tmp_path / "journal.sqlite").token()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    start = ChangeJournal(path).token()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for round_ in range(5):
                ChangeJournal(path).record([_file(f"{number}-{round_}")], complete=False)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = [file.id for file in _everything(ChangeJournal(path), start, 7).files]
    assert len(found) == len(set(found)) == 30


TREES = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"), max_size=6), max_size=8
)


@given(TREES, st.integers(1, 4))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whoever_follows_the_journal_has_the_tree(
    tmp_path_factory: pytest.TempPathFactory, trees: list[dict[str, str]], limit: int
) -> None:
    """A reader that starts at any look and applies pages of any size ends with what is there."""
    journal = ChangeJournal(tmp_path_factory.mktemp("j") / "journal.sqlite")
    readers: list[tuple[str, dict[str, str]]] = [(journal.token(), {})]
    for tree in trees:
        journal.record([_file(name, version) for name, version in tree.items()])
        readers.append((journal.token(), dict(tree)))
        page = journal.page(*readers[0][:1], limit)  # the first reader follows slowly
        readers[0] = (page.token, _applied(readers[0][1], page))
    for token, tree in readers:
        assert _applied(tree, _everything(journal, token, limit)) == (trees[-1] if trees else {})


def _applied(tree: dict[str, str], page: Changes) -> dict[str, str]:
    kept = {key: version for key, version in tree.items() if key not in page.removed}
    return kept | {file.id: file.version for file in page.files}
