"""Parameters do not help: a training is started, judged, promoted by a person, and undone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest
from temporalio.client import Client
from temporalio.worker import Worker

pytest.importorskip("torch")

from jarvis_dagster.autopilot import Pilot
from jarvis_dagster.autopilot.report import log_page
from jarvis_dagster.autopilot.retraining import Retraining
from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.adaptation.moments import write_moments
from jarvis_dagster.hockey.datasets import read_dataset
from jarvis_dagster.promoting import Promoter
from jarvis_dagster.settings import load_settings
from jarvis_dagster.toolchain.detection import HockeyDetection
from jarvis_dagster.toolchain.reviewing import CORRECTED
from jarvis_dagster.toolchain.store import DatasetStore
from jarvis_dagster.wiring import core_services
from jarvis_dagster.workflows.dagster_activities import DagsterActivities
from jarvis_dagster.workflows.dagster_api import Run
from jarvis_dagster.workflows.training import HockeyDetectionTraining
from tests.autopilot.conftest import Rink
from tests.autopilot.test_pilot import BrightSpots, a_bad_time
from tests.toolchain.conftest import TINY
from tests.toolchain.rendered import rendered_export

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.promotion.conftest import Jarvis
    from tests.servers import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # MLflow's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def learned(detector: Path) -> Any:
    """A training that comes to this (``tests/toolchain`` trains for real)."""

    def train(self: Any, job: Any, data: Any, out: Path, **how: Any) -> Path:
        assert len(data.pictures) == 20
        assert job.options["steps"] == TINY["steps"]
        return Path(shutil.copy(detector, out / self.file))

    return train


class DagsterHere:
    """The product's own jobs, run in this process in place of a webserver's."""

    launched: tuple[str, ...] = ()
    defs: dg.Definitions | None = None

    def __init__(self, url: str) -> None:
        self._url = url

    def launch(
        self, job: str, tags: Mapping[str, str], mark: str, config: Mapping[str, Any] | None
    ) -> Run:
        DagsterHere.launched += (job,)
        DagsterHere.defs = DagsterHere.defs or build_definitions()
        with dg.DagsterInstance.ephemeral() as instance:
            done = DagsterHere.defs.resolve_job_def(job).execute_in_process(
                run_config=dict(config or {}), instance=instance
            )
        return Run(done.run_id, "SUCCESS" if done.success else "FAILURE")


@contextlib.contextmanager
def working(address: str, queue: str) -> Iterator[None]:
    """A worker in a thread."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        with ThreadPoolExecutor(2) as executor:
            activities = DagsterActivities("http://here", every_s=0.1).all
            async with (
                Worker(client, task_queue=queue, workflows=[HockeyDetectionTraining]),
                Worker(
                    client,
                    task_queue=f"{queue}-io",
                    activities=activities,
                    activity_executor=executor,
                ),
            ):
                await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)
        loop.close()


@pytest.mark.timeout(900)  # networks on a busy machine
def test_what_parameters_cannot_mend_is_trained_judged_and_promoted(
    jarvis: Jarvis,
    config: Path,
    temporal_server: Server,
    labelled_games: Path,
    detectors: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = f"test-{uuid.uuid4()}"
    own = {"cooldown_hours": 0, "cooldown_videos": 1, "reference_videos": 4, "trials": 5}
    own |= {"retrain_frames": 20, "training": TINY}
    config.write_text(
        f"{config.read_text()}autopilot: {own}\n"
        "approvals: {deployment: {required: true}}\n"
        f"workflow: {{address: '{temporal_server.address}', task_queue: '{queue}'}}\n"
    )
    settings = load_settings()
    monkeypatch.setattr(HockeyDetection, "model", settings.promotion.model)
    monkeypatch.setattr(HockeyDetection, "train", learned(detectors["good"]))
    monkeypatch.setattr("jarvis_dagster.hockey.adaptation.material.Eyes", BrightSpots)
    monkeypatch.setattr("jarvis_dagster.workflows.dagster_activities.Dagster", DagsterHere)
    jarvis("models", "freeze-games", labelled_games)
    jarvis("models", "register", detectors["shy"])
    night = tmp_path / "night.zip"
    black = np.zeros((90, 160, 3), np.uint8)
    write_moments([(black, black)], night)
    with core_services(settings) as core, working(temporal_server.address, queue):
        registry = core.experiment_service
        registry.move_alias(settings.promotion.model, "champion", "1", by="test", why="Is shy.")
        registry.move_alias(settings.promotion.model, "challenger", None, by="test", why="Is it.")
        with read_dataset(
            rendered_export(tmp_path / "export", games=10, frames=2), CORRECTED
        ) as dataset:
            DatasetStore(core.storage_service, tmp_path / "sets").save(dataset)
        pilot = Pilot(settings, core)
        a_bad_time(Rink(core.storage_service, tmp_path), pilot, videos=8, moments=night)
        (begun,) = pilot.look("2")
        assert begun["outcome"] == "retraining", begun["why"]
        assert "none was better. 20 frames were corrected" in begun["why"]
        core.workflow_service.wait_for_result(begun["training"]["workflow_id"], 600)
        assert DagsterHere.launched == ("train_hockey_detection", "decide_promotion")

        (waiting,) = pilot.look("3")
        assert waiting["outcome"] == "wait"
        (approval,) = core.approval_service.approvals(kind="deployment")
        assert approval.id in waiting["why"]
        assert registry.model(settings.promotion.model, "champion").version == "1"  # type: ignore[union-attr]
        core.approval_service.decide(approval.id, "approved", "It looks right.")
        Promoter(settings, core).apply_approved(approval.id)  # as Dagster's sensor has it done

        made, watched = pilot.look("4")
        assert (watched["camera"], watched["action"]) == (pilot.detector.subject, "gather")
        assert (made["outcome"], made["settles"]) == ("promoted", begun["number"])
        assert registry.model(settings.promotion.model, "champion").version == "2"  # type: ignore[union-attr]
        gain = next(one for one in made["training"]["figures"] if one["name"] == "recall")
        assert gain["challenger"] > gain["champion"]
        assert gain["low"] > 0
        assert core.storage_service.retrieve(made["training"]["decision"], tmp_path / "page.html")
        assert "has a better detector" in log_page(pilot)
        # Videos of the former detector count no more, and nothing is trained twice.
        assert pilot.camera("north").standing.figures == ()
        assert pilot.camera("north").training is None
        assert pilot.look("5")[0]["outcome"] == "gather"
        assert "version 1 (it was version 2)" in jarvis("models", "rollback")[1]


TRAINING = {"dataset": "corrected@1", "frames": 30, "frames_in_all": 30, "workflow_id": "w"}
SAYS = {"pipeline": "hockey-detection", "dataset": "corrected@1", "decision": "d1"}


@dataclasses.dataclass
class Platform:
    """Services that answer as they are told."""

    status: str = "completed"
    tags: dict[str, str] | None = None
    moved: bool = False
    approval: Any = None

    def look(self) -> dict[str, Any]:
        """What the Autopilot reads of them."""
        model = SimpleNamespace(name="m", version="7", metadata=self.tags or {})
        found = {"status": self.status, "progress": 0.4, "error": "the run ended as FAILURE"}
        core = SimpleNamespace(
            workflow_service=SimpleNamespace(get_workflow_status=lambda _: found),
            experiment_service=SimpleNamespace(
                versions=lambda _: [model],
                moves=lambda _: [SimpleNamespace(decision="d1", to="7")] if self.moved else [],
            ),
            approval_service=SimpleNamespace(
                approvals=lambda kind: [self.approval] if self.approval else []
            ),
        )
        settings = SimpleNamespace(promotion=SimpleNamespace(model="m"))
        return Retraining(settings, core).look(TRAINING)  # type: ignore[arg-type]


def asked(state: str, **more: Any) -> Any:
    """An approval of that decision."""
    facts = {"waiting": state == "waiting", "allowed": state == "approved", "applied_at": None}
    words = f"It was {state}."
    return SimpleNamespace(
        id="a1", content={"decision": "d1"}, words=lambda: words, **{**facts, **more}
    )


@pytest.mark.parametrize(
    ("platform", "outcome", "why"),
    [
        (Platform("running"), None, "40% done"),
        (Platform("failed"), "training_failed", "the run ended as FAILURE"),
        (Platform(), "training_failed", "no model that was judged"),
        (Platform(tags=SAYS | {"dataset": "other"}), "training_failed", "no model"),
        (Platform(tags=SAYS), "not_promoted", "stays a challenger"),
        (Platform(tags=SAYS, moved=True), "promoted", "worth it"),
        (Platform(tags=SAYS, approval=asked("waiting")), None, "a1"),
        (Platform(tags=SAYS, approval=asked("approved")), None, "a1"),
        (Platform(tags=SAYS, approval=asked("approved", applied_at=1.0)), "promoted", "approved"),
        (Platform(tags=SAYS, approval=asked("rejected")), "not_promoted", "rejected"),
    ],
)
def test_how_a_training_ends(platform: Platform, outcome: str | None, why: str) -> None:
    found = platform.look()
    assert found["outcome"] == outcome
    assert why in found["why"]
