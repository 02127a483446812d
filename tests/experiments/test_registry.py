"""Aliases and their history: where they were before, in any order of moves and rollbacks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    JarvisError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.experiment.moves import NOTHING, Move, before, read, under_way

if TYPE_CHECKING:
    from jarvis_dagster.services.experiment import JarvisExperimentService


def moved(*steps: tuple[str | None, str | None, str]) -> list[Move]:
    return [Move("", "champion", a, b, "x", "y", how) for a, b, how in steps]


@given(st.lists(st.one_of(st.none(), st.integers(1, 5).map(str)), min_size=1, max_size=8))
def test_rollbacks_lead_back_the_whole_way(places: list[str | None]) -> None:
    history: list[Move] = []
    now: str | None = None
    for place in places:
        history += moved((now, place, "promotion"))
        now = place
    back = [now]
    while (target := before(history, now)) != NOTHING:
        history += moved((now, target, "rollback"))
        now = target
        back.append(now)
    assert back == [*reversed(places), None]


def test_what_was_moved_elsewhere_goes_back_to_the_last_known_place() -> None:
    history = moved((None, "1", "promotion"), ("1", "2", "promotion"))
    assert before(history, "7") == "2"
    assert before(history, "2") == "1"
    assert before([], None) == NOTHING


def three_versions(database: JarvisExperimentService, folder: Path, name: str) -> str:
    with database.run("registry") as log:
        for number in (1, 2, 3):
            file = folder / f"{name[:4]}{number}.onnx"
            file.write_bytes(bytes([number]) * 100)
            log.model(file, name)
    return name


@pytest.fixture(scope="module")
def model(database: JarvisExperimentService, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model with three versions."""
    return three_versions(database, tmp_path_factory.mktemp("versions"), "goal detector")


def test_aliases_move_with_who_and_why(database: JarvisExperimentService, tmp_path: Path) -> None:
    model = three_versions(database, tmp_path, "shot detector")
    database.move_alias(model, "challenger", "2", by="anna", why="Looks good. ü")
    made = database.move_alias(model, "champion", "1", by="ben", why="x" * 5000, expected=None)
    assert len(made.why) == 1000
    stages = {v.version: v.stage for v in database.versions(model)}
    assert stages == {"3": "None", "2": "Staging", "1": "Production"}
    database.move_alias(model, "challenger", None, by="anna", why="No.")
    assert database.model(model, "archived").version == "2"  # type: ignore[union-attr]
    assert [(m.alias, m.came_from, m.to, m.by) for m in database.moves(model)] == [
        ("challenger", None, "2", "anna"),
        ("champion", None, "1", "ben"),
        ("challenger", "2", None, "anna"),
    ]
    known = len(database.moves(model))
    with pytest.raises(BadInputError):
        database.move_alias(model, "champion", "9", by="x", why="There is none.")
    with pytest.raises(ConflictError, match="version 1 by now, not 3"):
        database.move_alias(model, "champion", "2", by="x", why="y", expected="3")
    for alias in ("", "v3", "latest", "A b", "../x"):
        with pytest.raises(BadInputError, match="cannot be an alias"):
            database.move_alias(model, alias, "1", by="x", why="y")
    assert len(database.moves(model)) == known  # what failed is not in the history


def move_at_once(
    database: JarvisExperimentService, model: str, alias: str, **how: Any
) -> tuple[set[str], list[JarvisError]]:
    """Who moved it of three who try at the same time, and what the others were told."""
    done: set[str] = set()
    refused: list[JarvisError] = []
    ready = threading.Barrier(3)

    def move(version: str) -> None:
        ready.wait()
        try:
            database.move_alias(model, alias, version, by=version, why="at once", **how)
            done.add(version)
        except (ConflictError, TransientError) as error:
            refused.append(error)

    threads = [threading.Thread(target=move, args=(version,)) for version in ("1", "2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + len(refused) == 3
    return done, refused


def test_of_people_at_once_the_history_names_who_moved_it_one_after_the_other(
    database: JarvisExperimentService, model: str
) -> None:
    done, _ = move_at_once(database, model, "candidate")
    moves = [m for m in database.moves(model) if m.alias == "candidate"]
    assert {m.to for m in moves} == done
    assert [m.came_from for m in moves] == [None, *(m.to for m in moves[:-1])]
    last = database.model(model, "candidate")
    assert (last and last.version) == (moves[-1].to if moves else None)


def test_of_people_at_once_who_expect_the_same_one_moves_it(
    database: JarvisExperimentService, model: str
) -> None:
    done, refused = move_at_once(database, model, "favourite", expected=None)
    assert len(done) <= 1
    moves = [m for m in database.moves(model) if m.alias == "favourite"]
    assert [m.to for m in moves] == list(done)
    assert len(refused) >= 2


def test_a_recorded_move_is_under_way_for_a_minute() -> None:
    just, long_ago = datetime.now(UTC), datetime(2026, 1, 1, tzinfo=UTC)
    at = [Move(t.isoformat(), "champion", None, "2", "x", "y") for t in (just, long_ago)]
    assert under_way("champion", at[:1], None)
    assert not under_way("champion", at[:1], "2")  # made
    assert not under_way("champion", at[1:], None)  # killed, or moved in MLflow itself
    assert not under_way("challenger", at, None)
    assert not under_way("champion", [], "2")


def test_a_damaged_file_is_refused(
    database: JarvisExperimentService, model: str, tmp_path: Path
) -> None:
    version = database.model(model, "3")
    assert version is not None
    assert database.fetch_model(version, tmp_path / "m").read_bytes() == b"\3" * 100
    root = database.config.artifact_root or ""
    (kept,) = Path(root).rglob("goal3.onnx")
    kept.write_bytes(b"other")
    with pytest.raises(PermanentError, match="not what was registered"):
        database.fetch_model(version, tmp_path / "n")
    assert not (tmp_path / "n").exists()
    assert database.versions("no such model") == []
    assert read({"other": "x"}) == []
