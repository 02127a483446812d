"""Holmes, Watson and Sherlock over real services, with the rights of their roles alone."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.components import Holmes, Sherlock, Watson
from jarvis_dagster.errors import AccessDeniedError, BadInputError
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.security import SecurityConfig
from jarvis_dagster.services.storage import StorageConfig
from tests.questions.test_answers import report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def core(object_store: Server, tmp_path: Path) -> Iterator[JarvisCoreServices]:
    made = JarvisCoreServices(
        storage=StorageConfig.model_validate(
            {
                "endpoint": object_store.address,
                "access_key": object_store.access_key,
                "secret_key": object_store.secret_key,
                "artifacts_bucket": f"games-{uuid.uuid4().hex[:8]}",
            }
        ),
        security=SecurityConfig(directory=tmp_path / "security", service_accounts=True),
    )
    made.storage_service.ensure_buckets()
    with made:
        yield made


@pytest.fixture
def games(core: JarvisCoreServices, tmp_path: Path) -> list[str]:
    """Two analysed games, and a video of which there is no report yet."""
    keys = ["final-111111111111", "semi-222222222222"]
    path = tmp_path / "report.json"
    for key in keys:
        name = f"{key.split('-')[0]}.mp4"
        video = {"name": name, "duration_s": 700.0}
        path.write_text(json.dumps(report(video=video, provenance={"video_sha256": key})))
        core.storage_service.put_file(f"artifacts/{key}/game_report/report.json", path)
    core.storage_service.put_file("artifacts/new-333333333333/footage/source.json", path)
    return keys


def test_holmes_knows_every_analysed_game(core: JarvisCoreServices, games: list[str]) -> None:
    holmes = Holmes(core)
    assert [one["key"] for one in holmes.media_catalogue()] == games
    (final,) = holmes.media_catalogue("FINAL")
    assert (final["video"], final["events"], final["grades"]) == ("final.mp4", 6, {"tracks": "A"})
    moments = holmes.find_moments("shift", least_confidence=0.5)
    assert [one["video"] for one in moments] == ["final.mp4"] * 4 + ["semi.mp4"] * 4
    assert moments[0]["event_id"] == "shift-10.0"
    assert not holmes.find_moments("shift", least_confidence=0.95)
    with pytest.raises(BadInputError, match="no events of the type 'hug'"):
        holmes.find_moments("hug")


def test_watson_answers_about_one_game(core: JarvisCoreServices, games: list[str]) -> None:
    watson = Watson(core)
    assert watson.ask("how many shifts", "semi")["text"] == "4 shifts."
    assert watson.ask("score", games[0])["video"] == "final.mp4"
    with pytest.raises(BadInputError, match="No game 'third' has been analysed"):
        watson.ask("score", "third")
    with pytest.raises(BadInputError, match="Which of the 2 games"):
        watson.ask("score", "")


def test_sherlock_sees_what_was_done_and_refused(
    core: JarvisCoreServices, games: list[str], tmp_path: Path
) -> None:
    Watson(core).ask("score", games[0])
    with pytest.raises(AccessDeniedError, match="may not read audit"):
        Watson(core).jarvis_core.security_service.noted()
    with pytest.raises(AccessDeniedError):
        Watson(core).jarvis_core.storage_service.store_model(tmp_path / "report.json")

    sherlock = Sherlock(core)
    read = sherlock.who_did("get_file", by="watson")
    assert [games[0] in entry["object"] for entry in read] == [True]
    assert sherlock.refused_most() == [("watson", "", 2)]
    assert not sherlock.who_did(since="9999")
    assert sherlock.faults_of_log() == []

    log = tmp_path / "security" / "audit.jsonl"
    log.write_text(log.read_text("utf-8").replace(games[0], games[1], 1), "utf-8")
    assert sherlock.faults_of_log() != []
