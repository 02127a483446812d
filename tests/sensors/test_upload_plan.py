"""Which uploads are ready: once a version, only when settled, none forgotten."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.sensors.upload_plan import Cursor
from jarvis_dagster.services.client_storage.drive import DriveFile

SETTLE_S = 10.0


def file(name: str = "a.mp4", version: str = "1", modified_s: float = 0.0) -> DriveFile:
    modified = datetime.datetime.fromtimestamp(modified_s, datetime.UTC)
    return DriveFile(f"Uploads/{name}", f"Uploads/{name}", 100, version, modified, "video/mp4")


def look(cursor: Cursor, *files: DriveFile, now_s: float) -> tuple[list[str], Cursor]:
    """One look that is told of these files, after which every ready one has been handled."""
    for told in files:
        cursor = cursor.see(told, now_s)
    cursor = Cursor.loads(cursor.dumps())
    ready = [name.removeprefix("Uploads/") for name in cursor.ready(now_s, SETTLE_S)]
    for told in files:
        if told.name in ready:
            cursor = cursor.handle(told)
    return ready, cursor


def test_an_old_file_is_ready_at_the_first_look() -> None:
    assert look(Cursor(), file(modified_s=0), now_s=100)[0] == ["a.mp4"]


def test_a_version_is_ready_once() -> None:
    _, cursor = look(Cursor(), file(), now_s=100)
    assert look(cursor, file(), now_s=200)[0] == []


def test_a_new_version_is_ready_again_after_it_settled() -> None:
    _, cursor = look(Cursor(), file(), now_s=100)
    ready, cursor = look(cursor, file(version="2", modified_s=195), now_s=200)
    assert ready == []
    assert look(cursor, file(version="2", modified_s=195), now_s=211)[0] == ["a.mp4"]


def test_a_file_that_is_being_written_is_never_ready() -> None:
    cursor = Cursor()
    for second in range(0, 300, 5):
        growing = file(version=str(second), modified_s=second)
        ready, cursor = look(cursor, growing, now_s=second + 0.1)
        assert ready == []


def test_a_writer_that_sets_an_old_date_is_waited_for_once_it_was_seen_to_change() -> None:
    _, cursor = look(Cursor(), file(version="1", modified_s=95), now_s=100)
    ready, cursor = look(cursor, file(version="2", modified_s=3), now_s=104)
    assert ready == []
    assert look(cursor, file(version="2", modified_s=3), now_s=114)[0] == ["a.mp4"]


def test_a_date_in_the_future_does_not_hold_a_file_up() -> None:
    ready, cursor = look(Cursor(), file(modified_s=9_000), now_s=100)
    assert ready == []
    assert look(cursor, file(modified_s=9_000), now_s=110)[0] == ["a.mp4"]


def test_what_was_not_handled_is_ready_at_the_next_look() -> None:
    cursor = Cursor().see(file(), 100)
    assert cursor.ready(100, SETTLE_S) == cursor.ready(101, SETTLE_S) == ["Uploads/a.mp4"]


def test_a_file_that_is_gone_is_forgotten_and_taken_when_it_is_back() -> None:
    cursor = Cursor().see(file(), 100).forget("Uploads/a.mp4")
    assert cursor == Cursor()
    assert look(cursor, file(), now_s=120)[0] == ["a.mp4"]


def test_a_handled_file_that_was_in_the_trash_is_not_taken_again() -> None:
    _, cursor = look(Cursor(), file(), now_s=100)
    assert look(cursor.forget("Uploads/a.mp4"), file(), now_s=120)[0] == []


def test_the_cursor_does_not_grow_for_ever() -> None:
    cursor = Cursor()
    for number in range(3_000):
        cursor = cursor.handle(file(f"{number}.mp4"))
    assert len(cursor.handled) == 2_000
    assert "Uploads/2999.mp4" in cursor.handled
    assert len(cursor.dumps()) < 100_000


def test_the_oldest_upload_comes_first() -> None:
    files = [file("b.mp4", modified_s=50), file("a.mp4", modified_s=60), file("c.mp4")]
    assert look(Cursor(), *files, now_s=100)[0] == ["c.mp4", "b.mp4", "a.mp4"]


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"version": 2}', "{}"])
def test_a_foreign_cursor_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(BadInputError, match="Reset the sensor's cursor"):
        Cursor.loads(text)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.lists(st.sampled_from("abc"), max_size=3, unique=True)),
        max_size=20,
    )
)
def test_every_version_that_stays_is_taken_exactly_once(
    steps: list[tuple[int, list[str]]],
) -> None:
    """Files change at some looks; then they stand still and are looked at twice more."""
    now, cursor = 1000.0, Cursor()
    version, changed_s, taken = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0.0), []
    looks = [*steps, (30, []), (30, [])]
    for wait, changes in looks:
        now += wait
        for name in changes:
            version[name] += 1
            changed_s[name] = now
        files = [file(n, str(version[n]), changed_s[n]) for n in "abc"]
        for told in files:
            cursor = cursor.see(told, now)
        present = {told.id: told for told in files}
        for ready in map(present.__getitem__, cursor.ready(now, SETTLE_S)):
            assert now - changed_s[ready.name] >= SETTLE_S
            taken.append((ready.name, ready.version))
            cursor = cursor.handle(ready)
    assert len(taken) == len(set(taken))
    assert {(name, str(version[name])) for name in "abc"} <= set(taken)
