"""A promotion that real videos speak against is taken back by itself, once, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.autopilot import Pilot
from jarvis_dagster.autopilot.report import log_page
from jarvis_dagster.errors import TransientError
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.autopilot.conftest import Rink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from tests.promotion.conftest import Jarvis

pytestmark = [
    pytest.mark.timeout(900),  # servers on a busy machine
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # MLflow's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Ice:
    """A platform on which version 1 has seen five games, and version 2 was promoted then."""

    def __init__(self, settings: Settings, core: JarvisCoreServices, folder: Path) -> None:
        self.settings, self.core = settings, core
        self.registry, self.model = core.experiment_service, settings.promotion.model
        self.rink = Rink(core.storage_service, folder)
        own = core.acting_as(core.security_service.component("autopilot"))
        self.pilot = Pilot(settings, own)
        versions = {v.version: v.sha256[:8] for v in self.registry.versions(self.model)}
        self.former, self.new = (f"1.0+{versions[number]}+roles-0a1b" for number in ("1", "2"))
        self.registry.move_alias(self.model, "champion", "1", by="test", why="Is first.")
        self.play(5, self.former)
        assert self.pilot.look("0")[-1]["camera"] == "north"  # nothing is on probation yet
        self.registry.move_alias(
            self.model, "champion", "2", by="ann", why="Wins.", how="promotion", decision="d"
        )

    def play(self, games: int, detector: str, found: float = 1.0) -> None:
        for _ in range(games):
            self.rink.play(found=found, detector=detector)

    @property
    def champion(self) -> str:
        found = self.registry.model(self.model, "champion")
        assert found is not None
        return found.version


@pytest.fixture
def ice(config: Path, tmp_path: Path) -> Iterator[Ice]:
    own = {"reference_videos": 4, "probation_videos": 6, "cooldown_videos": 1, "cooldown_hours": 9}
    desk = {"channels": {"desk": {"url": "json://127.0.0.1:9/"}}}
    config.write_text(f"{config.read_text()}autopilot: {own}\nnotification: {desk}\n")
    settings = load_settings()
    with core_services(settings) as core:
        for name in ("former", "new"):  # what is in them is not looked at here
            path = tmp_path / f"{name}.onnx"
            path.write_text(name)
            with core.experiment_service.run("made", {}, name=name) as log:
                core.experiment_service.log_model(path, settings.promotion.model, {}, log.run_id)
        yield Ice(settings, core, tmp_path)


def test_a_worse_detector_is_taken_back_and_people_are_told(
    ice: Ice, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = ice.pilot
    waits = pilot.look("1")[-1]
    assert (waits["camera"], waits["outcome"]) == (pilot.detector.subject, "gather")
    ice.play(5, ice.new, found=0.3)
    ice.play(1, ice.former)  # of a run that began before the promotion
    pilot.collect()
    analysed = pilot.analyse(pilot.detector.subject, "2")
    assert analysed["action"] == "rollback", analysed["why"]
    nothing = {"status": "not_found"}
    monkeypatch.setattr("jarvis_dagster.commands.autopilot._loop", lambda _: nothing)
    assert "is on probation" in jarvis("autopilot", "status")[1]
    # Killed between the deed and the record, the step is made again: it is one rollback.
    with monkeypatch.context() as killed:
        killed.setattr(pilot.library, "record", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pilot.act(analysed, None)
    assert ice.champion == "1"
    made = pilot.act(analysed, None)
    assert made["outcome"] == "model_rolled_back"
    assert pilot.act(analysed, None) == made
    moves = ice.registry.moves(ice.model)
    assert [move.how for move in moves if move.alias == "champion"][1:] == ["promotion", "rollback"]
    assert (moves[-1].by, moves[-1].to) == ("autopilot", "1")
    (told,) = ice.core.notification_service.messages()
    assert told.notice.event == "model_rolled_back"
    assert "Version 2" in told.notice.summary
    page = log_page(pilot)
    assert "took the promotion back" in page
    assert page.count("had to hold") == 1
    assert "model_rolled_back" in jarvis("autopilot", "log")[1]
    # It is over; the cameras cool down before anything else is tried.
    assert pilot.look("3")[-1]["camera"] == "north"
    assert pilot.camera("north").standing.past[-1].kind == "model_rolled_back"
    assert "autopilot" in jarvis("models", "show")[1]


def test_a_good_detector_is_confirmed_and_a_person_has_the_last_word(
    ice: Ice, monkeypatch: pytest.MonkeyPatch
) -> None:
    ice.play(6, ice.new)
    confirmed = ice.pilot.look("1")[-1]
    assert confirmed["outcome"] == "model_confirmed"
    assert ice.pilot.detector.promotion() is None
    assert ice.core.notification_service.messages() == []
    # Another promotion; before the step is done a person has moved the champion.
    ice.registry.roll_back(ice.model, by="ann", why="A test.")
    assert ice.pilot.detector.promotion() is None  # what a person does is not judged
    ice.registry.move_alias(
        ice.model, "champion", "2", by="ann", why="Again.", how="promotion", decision="e"
    )
    ice.play(6, ice.new, found=0.3)
    ice.pilot.collect()
    analysed = ice.pilot.analyse(ice.pilot.detector.subject, "2")
    assert analysed["action"] == "rollback"
    ice.registry.roll_back(ice.model, by="ann", why="I see it myself.")
    made = ice.pilot.act(analysed, None)
    assert made["outcome"] == "model_kept"
    assert "ann moved the champion" in made["why"]
    assert ice.champion == "1"

    # Without the registry a round says so.
    def away(_: str) -> None:
        raise TransientError("MLflow is away.", "Start it.")

    monkeypatch.setattr(ice.registry, "moves", away)
    subjects = [one.subject for one in ice.pilot.watches]
    assert ice.pilot.collect()["cameras"] == ["north", *subjects]
    with pytest.raises(TransientError):
        ice.pilot.analyse(ice.pilot.detector.subject, "1")


def test_who_reads_roles_is_on_probation_too(
    ice: Ice, config: Path, tmp_path: Path, jarvis: Jarvis
) -> None:
    config.write_text(config.read_text().replace("model: champion", "roles: champion"))
    settings = load_settings()
    registry, name = ice.registry, settings.promotion.roles_model
    path = tmp_path / "roles.onnx"
    path.write_text("roles")
    with registry.run("made", {}, name="roles") as log:
        registry.log_model(path, name, {}, log.run_id)
    digest = registry.versions(name)[0].sha256[:8]
    pilot = Pilot(settings, ice.pilot.core)
    ice.play(5, "1.0+0123abcd")  # nobody read roles after the detector
    pilot.look("1")
    registry.move_alias(name, "champion", "1", by="ann", why="Wins.", how="promotion", decision="d")
    for _ in range(5):
        ice.rink.play(detector=f"1.0+0123abcd+roles-{digest}", unsure=0.6)
    assert pilot.collect()["cameras"] == ["north", pilot.roles.subject]
    analysed = pilot.analyse(pilot.roles.subject, "2")
    assert analysed["action"] == "rollback", analysed["why"]
    assert pilot.act(analysed, None)["outcome"] == "model_rolled_back"
    assert registry.model(name, "champion") is None
    (told,) = ice.core.notification_service.messages()
    assert "what looks at videos again is the detector's own roles" in told.notice.summary
    assert f"<code>{name}</code>: the detector&#39;s own roles" in log_page(pilot)
    assert "model_rolled_back" in jarvis("autopilot", "log")[1]
