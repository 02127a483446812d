"""The Autopilot's steps on a real object store, from analysed videos to changed parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from jarvis_dagster.autopilot import Pilot
from jarvis_dagster.autopilot.overlay import overlay_of
from jarvis_dagster.autopilot.report import history_chart, log_page, rows_of
from jarvis_dagster.cli import app
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.adaptation import NEUTRAL, Parameters
from jarvis_dagster.hockey.adaptation.moments import write_moments
from jarvis_dagster.hockey.detection import Detections
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from tests.autopilot.conftest import Rink

BRIGHT = {"gain": 3.0, "gamma": 1.0, "blue": 1.0, "red": 1.0, "score_threshold": None}


class BrightSpots:
    """Eyes that find whatever is lighter than grey: a detector that needs light."""

    version, least = "1.1.0+test", 0.35

    def __init__(self, *_: object) -> None:
        pass

    def look(self, image: np.ndarray, parameters: Parameters) -> Detections:
        correct = parameters.correction
        seen = image if correct is None else correct(image)
        grey = cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
        _, _, stats, _ = cv2.connectedComponentsWithStats((grey > 128).astype(np.uint8))
        spots = stats[1:][(stats[1:, 4] > 100) & (stats[1:, 4] < 5000), :4].astype(np.float32)
        boxes = np.column_stack((spots[:, :2], spots[:, :2] + spots[:, 2:]))
        share = np.zeros((len(boxes), len(ROLES)), np.float32)
        kinds = np.zeros(len(boxes), np.int64)
        return Detections(boxes, np.full(len(boxes), 0.8, np.float32), kinds, share)


@pytest.fixture
def dark_moments(tmp_path: Path) -> Path:
    """Pairs of dark pictures with ten people."""
    rng = np.random.default_rng(5)
    pairs = []
    for _ in range(2):
        image = np.full((180, 320, 3), 12, np.uint8)
        for person in range(10):
            x, y = 10 + 30 * person, int(rng.integers(30, 130))
            image[y : y + 25, x : x + 14] = int(rng.integers(55, 90))
        pairs.append((image, image.copy()))
    path = tmp_path / "dark.zip"
    write_moments(pairs, path)
    return path


def tried(better: bool = True, retrain: dict[str, Any] | None = None) -> dict[str, Any]:
    proof = {"basis": "relit", "by_video": {"a": [0.5, 0.8]}, "current": 0.5, "candidate": 0.8}
    proof |= {"gain": 0.3, "low": 0.2, "high": 0.4, "chance": 0.01}
    return {
        "better": better,
        "candidate": BRIGHT if better else None,
        "material": "the labelled frames of 9 frozen games",
        "search": {
            "current": {"parameters": NEUTRAL.to_json(), "figure": 0.5},
            "trials": [{"parameters": BRIGHT, "figure": 0.8}],
        },
        "verdict": {"better": better, "reasons": ["It is so."], "proof": proof, "guard": None},
        "why": "Tried.",
        "cpu_minutes": 1.5,
        "retrain": retrain,
    }


def a_bad_time(rink: Rink, pilot: Pilot, found: float = 0.4, videos: int = 5, **how: Any) -> None:
    """A reference, and then a fall."""
    for _ in range(4):
        rink.play()
    pilot.look("first")
    for _ in range(videos):
        rink.play(found=found, **how)
    pilot.collect()


def test_usual_videos_lead_to_nothing(
    settings: Settings, core: JarvisCoreServices, rink: Rink
) -> None:
    pilot = Pilot(settings, core)
    assert pilot.look("0") == []
    for number in range(6):
        rink.play()
        made = pilot.look(str(number))
    assert [one["outcome"] for one in made] == ["nothing"]
    assert pilot.camera("north").reference is not None
    before = len(pilot.library.decisions())
    assert pilot.look("again")[0]["number"] == before  # nothing new: nothing more on record
    assert len(pilot.library.decisions()) == before
    (row,) = rows_of(pilot)
    assert row["performance"] > 0.85
    assert set(row["lacks"]) == {"agreement", "image"}


def test_it_notices_searches_proves_and_adapts(
    settings: Settings,
    core: JarvisCoreServices,
    platform: JarvisCoreServices,
    rink: Rink,
    dark_moments: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jarvis_dagster.hockey.adaptation.material.Eyes", BrightSpots)
    pilot = Pilot(settings, core)
    a_bad_time(rink, pilot, videos=8, moments=dark_moments)
    (decision,) = pilot.look("second")
    assert decision["outcome"] == "adapted", decision["why"]
    assert "pictures without labels of 8 videos" in decision["why"]
    after = Parameters.from_json(decision["after"]["parameters"])
    assert after.gain * 55 > 128 * 0.95  # what its eyes need to see the darkest
    assert after.score_threshold is None
    assert decision["tried"]["verdict"]["proof"]["low"] > 0
    # The next video is looked at with it, and its tables have another hash.
    overlay = overlay_of(settings, core.storage_service, "Jarvis AI/Uploads/north/next.mp4")
    assert (overlay.current.parameters, overlay.current.version) == (after, 1)
    assert overlay.id == after.id != ""
    other = overlay_of(settings, core.storage_service, "Jarvis AI/Uploads/south/next.mp4")
    assert other.current.parameters == NEUTRAL
    # The same step once more changes nothing, and old videos no longer count.
    assert pilot.library.decisions()[-1] == decision
    assert pilot.camera("north").standing.figures == ()
    counted = str(list(platform.analytics_service._store.collect()))
    assert "autonomous_adaptation" in counted


def test_evidence_is_as_old_as_what_it_is_of(
    settings: Settings, core: JarvisCoreServices, rink: Rink
) -> None:
    keys = [rink.play() for _ in range(2)]
    when = "2026-10-03T18:00:00.000+00:00"
    about = {"version": "1.1.0+test", "stride": 1, "parameters": {}}
    rink.put(keys[1], "detections/model.json", {**about, "made_at": when})
    rink.put(keys[0], "detections/model.json", about)  # of a version that did not tell
    pilot = Pilot(settings, core)
    pilot.collect()
    first, second = pilot.library.evidence()
    assert (first.video, first.at) == (keys[1], when)
    stored = core.storage_service.modified(f"artifacts/{keys[0]}/detections/model.json")
    assert stored is not None
    assert second.at == stored.isoformat(timespec="milliseconds")


def test_a_step_that_is_tried_again_does_nothing_twice(
    settings: Settings, core: JarvisCoreServices, rink: Rink
) -> None:
    pilot = Pilot(settings, core)
    a_bad_time(rink, pilot)
    analysed = pilot.analyse("north", "2")
    assert analysed["action"] == "adapt"
    first = pilot.act(analysed, tried())
    assert pilot.act(analysed, tried()) == first
    assert len(pilot.library.versions("north")) == 1
    assert pilot.library.current("north").parameters == Parameters.from_json(BRIGHT)


def test_an_adaptation_is_counted_once_whenever_the_step_dies(
    settings: Settings,
    core: JarvisCoreServices,
    platform: JarvisCoreServices,
    rink: Rink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pilot = Pilot(settings, core)
    a_bad_time(rink, pilot)
    analysed = pilot.analyse("north", "2")
    with monkeypatch.context() as dies:
        dies.setattr(Pilot, "_settled", lambda *_: pytest.fail("it dies here"))
        with pytest.raises(pytest.fail.Exception):
            pilot.act(analysed, tried())
    assert len(pilot.library.versions("north")) == 1
    for _ in range(2):
        assert pilot.act(analysed, tried())["outcome"] == "adapted"
    counted = {
        sample.name: sample.value
        for family in platform.analytics_service._store.collect()
        for sample in family.samples
        if sample.labels.get("outcome", "adapted") == "adapted"
    }
    assert counted["autonomous_adaptation_total"] == 1
    assert counted["jarvis_autopilot_decisions_total"] == 1


def test_a_change_that_makes_it_worse_is_taken_back(
    settings: Settings, core: JarvisCoreServices, rink: Rink
) -> None:
    pilot = Pilot(settings, core)
    a_bad_time(rink, pilot, found=0.55, videos=6)
    pilot.act(pilot.analyse("north", "2"), tried())
    for _ in range(8):
        rink.play(found=0.1, parameters=BRIGHT)
    (decision,) = pilot.look("3")
    assert decision["outcome"] == "rolled_back"
    assert pilot.library.current("north").version == 0
    made = pilot.set_version("north", 1, by="ann", why="Once more.")
    assert pilot.library.current("north").version == made["after"]["version"] == 1
    with pytest.raises(BadInputError, match="no version 7"):
        pilot.set_version("north", 7, by="ann", why="")


def test_a_change_can_wait_for_a_person(config: Path, rink: Rink, core: JarvisCoreServices) -> None:
    config.write_text(config.read_text() + "approvals: {parameters: {required: true}}\n")
    from jarvis_dagster.wiring import core_services

    settings = load_settings(config)
    with core_services(settings) as careful:
        pilot = Pilot(settings, careful)
        a_bad_time(rink, pilot)
        asked = pilot.act(pilot.analyse("north", "2"), tried())
        assert asked["outcome"] == "asked"
        assert pilot.library.current("north").version == 0
        (waiting,) = pilot.look("3")
        assert (waiting["outcome"], waiting["number"]) == ("wait", asked["number"] + 1)
        done = CliRunner().invoke(app, ["autopilot", "approve", "north", "--reason", "Go on."])
        assert done.exit_code == 0, done.output
        (settled,) = pilot.look("4")
        assert (settled["outcome"], settled["settles"]) == ("adapted", asked["number"])
        assert pilot.library.current("north").parameters == Parameters.from_json(BRIGHT)
        assert careful.approval_service.get(asked["approval"]).applied_at is not None
        assert pilot.camera("north").pending is None


def test_corrections_of_people_count(
    settings: Settings, core: JarvisCoreServices, rink: Rink
) -> None:
    pilot = Pilot(settings, core)
    keys = [rink.play() for _ in range(6)]
    pilot.collect()
    before = {one.video: one for one in pilot.library.evidence()}
    labels = {"kept": 40, "moved": 5, "renamed": {"player -> referee": 5}, "agreement": 0.6}
    labels |= {"added": {"player": 20}, "removed": {"player": 10}}
    rink.put("review", "labels/agreement.json", {"by_video": {keys[5]: labels}})
    said = {"sha256": "x", "corrections": [{"tracks": [1, 2]}]}
    rink.put(keys[4], "corrections/corrections.json", said)
    assert sorted(pilot.collect()["changed"]) == sorted(keys[4:])
    after = {one.video: one for one in pilot.library.evidence()}
    assert after[keys[5]].at == before[keys[5]].at  # the same analysis
    assert after[keys[5]].reviewed[0].agreement == pytest.approx(0.6)
    assert after[keys[4]].reviewed[0].things >= 8
    parts = {p.name: p for p in pilot.camera("north").figures[-1].parts}
    assert parts["agreement"].value == pytest.approx(0.6)
    assert pilot.collect()["changed"] == []


def test_people_can_read_what_was_decided(
    settings: Settings, core: JarvisCoreServices, rink: Rink, tmp_path: Path
) -> None:
    pilot = Pilot(settings, core)
    a_bad_time(rink, pilot)
    pilot.act(pilot.analyse("north", "2"), tried())
    page = log_page(pilot)
    assert "gain 3.00" in page
    assert "Camera north" in page
    assert "not supported" in page
    assert page.count("<svg") == 1
    assert history_chart(pilot.camera("north"), 0.8)[:4] == b"\x89PNG"
    run = CliRunner().invoke
    assert "adapted" in run(app, ["autopilot", "log"]).output
    shown = json.loads(run(app, ["autopilot", "log", "--json", "--all"]).output)
    assert [one["outcome"] for one in shown][-1] == "adapted"
    done = run(app, ["autopilot", "log", "--html", str(tmp_path / "log.html")])
    assert done.exit_code == 0
    assert (tmp_path / "log.html").read_text("utf-8").startswith("<!doctype html>")
    listed = run(app, ["autopilot", "parameters", "north"]).output
    assert "gain 3.00" in listed
    back = run(app, ["autopilot", "rollback", "north", "--why", "A test."])
    assert (back.exit_code, pilot.library.current("north").version) == (0, 0)
