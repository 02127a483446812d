"""Parts of a video, looked at by workers that may die, are what one pass finds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from temporalio.testing import ActivityEnvironment

from jarvis_dagster.champions import Chosen
from jarvis_dagster.errors import PermanentError
from jarvis_dagster.fanning_out import fans_out, find_people
from jarvis_dagster.hockey.adaptation.parameters import Parameters
from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.hockey.detection.input_size import Distance
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.detection.segments import (
    Segment,
    detect_segment,
    join,
    plan_segments,
    unlike,
)
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.video import probe
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.settings import load_settings
from jarvis_dagster.workflows.fan_out_activities import FanOutActivities
from jarvis_dagster.workflows.part_files import tables_of
from jarvis_dagster.workflows.registry import Tools
from jarvis_dagster.workflows.worker import serve
from tests.services.storage_tools import service_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.settings import Settings
    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")
STRIDE = 2


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A broadcast that cuts away and back."""
    spec = GameSpec(seed=3, duration_s=4.0, width_px=640, height_px=360, fps=15, cuts=1)
    return render_game(tmp_path_factory.mktemp("fan-out"), spec).video


@pytest.fixture(scope="module")
def whole(footage: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What one pass finds."""
    return detect_video(footage, load_detector(threads=1), stride=STRIDE)


@pytest.fixture
def core(object_store: Server, temporal_server: Server, queue: str) -> Iterator[JarvisCoreServices]:
    storage = service_of(object_store, f"fo{uuid.uuid4().hex[:8]}")
    config = WorkflowConfig(
        address=temporal_server.address,
        task_queue=queue,
        graceful_stop_s=5,
        heartbeat_s=4,
        max_concurrent_activities=1,
    )
    with JarvisCoreServices(storage=storage.config, workflow=config) as made:
        yield made


def same(
    found: tuple[pd.DataFrame, pd.DataFrame], whole: tuple[pd.DataFrame, pd.DataFrame]
) -> bool:
    for mine, true in zip(found, whole, strict=True):
        pd.testing.assert_frame_equal(mine, true, check_exact=True)
    return len(whole[0]) > 50


def kept(core: JarvisCoreServices, result: dict[str, Any], folder: Path) -> Any:
    tables = []
    for name in ("detections", "kit"):
        core.storage_service.get_file(result[name], folder / name)
        tables.append(pd.read_parquet(folder / name))
    return tuple(tables)


def test_parts_join_to_what_one_pass_finds(
    footage: Path, whole: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    detector = load_detector(threads=1)
    plan = plan_segments(probe(footage).frame_count, STRIDE, 20)
    assert plan == [(0, 20), (20, 40), (40, 60)]
    # the second part is told wrong what the looks before it saw
    parts: list[Segment] = []
    for start, stop in plan:
        wrong = parts[0].border.before if start == 20 else None
        parts.append(
            detect_segment(footage, detector, stride=STRIDE, start=start, stop=stop, memory=wrong)
        )
    while again := unlike([part.border for part in parts]):
        for number, memory in again.items():
            start, stop = plan[number]
            parts[number] = detect_segment(
                footage, detector, stride=STRIDE, start=start, stop=stop, memory=memory
            )
    assert same(join([(part.detections, part.kit) for part in parts]), whole)


def test_how_far_one_looks_is_known_across_parts() -> None:
    """The distance depends on all looks before: parts that guessed it otherwise are told."""
    tall = [60.0, 62.0, 150.0, 160.0, 155.0, float("nan"), 100.0, 98.0]
    one = Distance()
    widths = [one.step(value, 640) or 0 for value in tall]
    assert len(set(widths)) > 1
    again = Distance()
    for value in tall[:4]:
        again.step(value, 640)
    assert [again.step(value, 640) or 0 for value in tall[4:]] == widths[4:]
    assert again.tall_px == one.tall_px
    assert Distance().step(float("nan"), 640) is None


@pytest.mark.parametrize(
    ("frames", "stride", "step", "plan"),
    [
        (100, 3, 30, [(0, 30), (30, 60), (60, 100)]),
        (100, 7, 30, [(0, 28), (28, 56), (56, 84), (84, 100)]),
        (10, 2, 100, [(0, 10)]),
        (100, 2, 40, [(0, 40), (40, 80), (80, 100)]),
    ],
)
def test_every_part_begins_with_a_look(
    frames: int, stride: int, step: int, plan: list[tuple[int, int]]
) -> None:
    assert plan_segments(frames, stride, step) == plan


def test_a_champion_that_changes_meanwhile_changes_nothing(
    core: JarvisCoreServices, footage: Path, tmp_path: Path
) -> None:
    """Each part may be another worker's, whose registry says something else by then."""
    storage = core.storage_service
    key = storage.put_file("artifacts/g/game.mp4", footage).key
    roles = _all_referees(tmp_path / "roles.onnx")
    run, given = ActivityEnvironment().run, {"video_key": key, "stride": STRIDE, "segment_s": 1.0}

    def worker(*models: Path | None) -> FanOutActivities:
        return FanOutActivities(lambda: storage, tmp_path / "work", lambda: models, threads=1)

    plan = run(worker(None, roles).plan, given)
    assert plan["model_version"] == load_detector(None, roles=roles, threads=1).version
    assert run(worker(None, None).plan, given)["id"] != plan["id"]
    models = {name: plan[name] for name in ("model_key", "roles_key")}
    part = {**given, **models, "start": 0, "stop": 15, "plan": plan["id"]}
    found = run(worker(tmp_path / "gone.onnx", None).part, part)
    storage.get_file(f"{found['key']}.parquet", tmp_path / "part.parquet")
    assert set(tables_of(tmp_path / "part.parquet")[0]["class"]) == {"referee"}


@contextlib.contextmanager
def one_worker(
    core: JarvisCoreServices, folder: Path, settings: Settings | None = None
) -> Iterator[None]:
    """In a thread."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    tools = Tools(core, folder / "work", settings, threads=1, heartbeat_s=4)
    config = core.workflow_service.config

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(config, tools, stop, kinds=("workflows", "vision")))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)


def test_one_worker(
    core: JarvisCoreServices,
    footage: Path,
    whole: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
) -> None:
    core.storage_service.put_file("artifacts/g/game.mp4", footage)
    given = {"video_key": "artifacts/g/game.mp4", "stride": STRIDE, "segment_s": 2.0}
    service = core.workflow_service
    with one_worker(core, tmp_path):
        workflow_id = service.start_workflow("video-detection", given)
        result = service.wait_for_result(workflow_id, 240)
        assert same(kept(core, result, tmp_path), whole)
        assert (result["segments"], result["frames"], result["stride"]) == (2, 60, STRIDE)
        status = service.get_workflow_status(workflow_id)
        assert set(status["performance"]["step_seconds"]) == {"plan", "detect", "join"}
        assert service.query_workflow(workflow_id, "parts") == {"done": 2, "planned": 2}
        # the same work under another name: every part is there already
        again = service.start_workflow("video-detection", {**given, "revision": "again"})
        assert service.wait_for_result(again, 240) == result
        with pytest.raises(PermanentError, match="takes video_key"):
            service.wait_for_result(service.start_workflow("video-detection", {"x": 1}), 240)
        lost = service.start_workflow("video-detection", {"video_key": "artifacts/no/x.mp4"})
        with pytest.raises(PermanentError, match="does not exist"):
            service.wait_for_result(lost, 240)


def test_a_long_video_is_given_to_the_workers(
    core: JarvisCoreServices,
    footage: Path,
    whole: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
) -> None:
    key = core.storage_service.put_file("artifacts/g/game.mp4", footage).key
    seen: list[int] = []
    how: dict[str, Any] = {
        "stride": STRIDE,
        "score_threshold": None,
        "progress": lambda done, _: seen.append(done),
    }
    own, roles = tmp_path / "own.onnx", _all_referees(tmp_path / "roles.onnx")
    config = tmp_path / "jarvis-core.yaml"
    config.write_text(f"vision: {{roles: '{roles}'}}\n")  # what counts is what the run chose
    with one_worker(core, tmp_path, load_settings(config)):
        found = find_people(core, key, chosen=Chosen(None), parameters=Parameters(), **how)
        assert same((found.detections, found.kit), whole)
        assert found.workflow_id.startswith("video-detection-")
        # a detector of one's own, who reads roles, and a picture corrected for its camera
        own.write_bytes(PACKAGED_WEIGHTS.read_bytes())
        brighter = Parameters(gain=1.2)
        found = find_people(core, key, chosen=Chosen(own, roles=roles), parameters=brighter, **how)
        detector = load_detector(own, roles=roles, threads=1)
        assert found.model_version == detector.version
        assert set(found.detections["class"]) == {"referee"}
        expected = detect_video(footage, detector, stride=STRIDE, correct=brighter.correction)
        assert same((found.detections, found.kit), expected)
        assert not found.detections.equals(whole[0])
        lost = {**how, "chosen": Chosen(None), "parameters": Parameters()}
        with pytest.raises(PermanentError, match="does not exist"):
            find_people(core, "artifacts/no/such.mp4", **lost)
    assert max(seen, default=0) <= 1000


def _all_referees(path: Path) -> Path:
    """A network to whom everybody is a referee."""
    torch = pytest.importorskip("torch")
    from jarvis_dagster.hockey.training.fitting import Fit
    from jarvis_dagster.hockey.training.roles import RoleNet, export_roles

    net = RoleNet().eval()
    with torch.no_grad():
        net.last.weight.zero_()
        net.last.bias.copy_(torch.tensor([0.0, 0.0, 30.0]))
    return export_roles(net, path, Fit(steps=1))


def test_only_long_videos_are_and_only_if_set(tmp_path: Path) -> None:
    path = tmp_path / "jarvis-core.yaml"
    where = f"stack: {{data_dir: '{tmp_path}'}}\n"
    path.write_text(where)
    assert not fans_out(load_settings(path), 1e6)
    path.write_text(where + "workflow: {fan_out_minutes: 2}\n")
    assert [fans_out(load_settings(path), s) for s in (119, 120)] == [False, True]


@pytest.fixture
def start_worker(
    core: JarvisCoreServices, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a worker process; the arguments are Python's."""
    root = str(Path(__file__).parents[2])
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        storage = core.storage_service.config
        plain = {"endpoint", "access_key", "artifacts_bucket", "models_bucket", "datasets_bucket"}
        settings = {
            "stack": {"data_dir": str(tmp_path / "data")},
            "storage": {
                **storage.model_dump(mode="json", include={*plain, "logs_bucket"}),
                "secret_key": storage.secret_key.get_secret_value(),
            },
            "workflow": core.workflow_service.config.model_dump(mode="json"),
            "vision": {"threads": 1},
        }
        config = tmp_path / "jarvis-core.yaml"
        config.write_text(yaml.safe_dump(settings))
        env = {**os.environ, "JARVIS_CONFIG": str(config), "PYTHONPATH": root}
        with (tmp_path / "workers.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", *arguments],
                    cwd=tmp_path,
                    env=env,
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def held_at_a_part(
    start_worker: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> subprocess.Popen[bytes]:
    """A worker that is at a part, and does not end it."""
    at_work, deadline = folder / "at-work", time.monotonic() + 240
    worker = start_worker("tests.workflows.held_worker", str(at_work))
    while not at_work.exists() and time.monotonic() < deadline and worker.poll() is None:
        time.sleep(0.05)
    if not at_work.exists():
        worker.send_signal(signal.SIGUSR1)
        time.sleep(1)
        pytest.fail((folder / "workers.log").read_text())
    return worker


@pytest.mark.timeout(900)
def test_three_workers_of_which_one_is_killed(
    core: JarvisCoreServices,
    footage: Path,
    whole: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
    start_worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    core.storage_service.put_file("artifacts/g/game.mp4", footage)
    service = core.workflow_service
    given = {"video_key": "artifacts/g/game.mp4", "stride": STRIDE, "segment_s": 1.0}
    workflow_id = service.start_workflow("video-detection", given)
    victim = held_at_a_part(start_worker, tmp_path)
    victim.kill()
    victim.wait()
    for _ in range(2):
        start_worker("jarvis_dagster.workflows.worker")
    result = service.wait_for_result(workflow_id, 400)
    assert same(kept(core, result, tmp_path), whole)
    assert result["segments"] == 4
    history = service.get_workflow_history(workflow_id)
    assert parts_done(history) == 4 + result["again"]
    retried = [row for row in history if "attempt 2" in row["detail"]]
    assert retried, "nobody took up what the killed worker was at"


@pytest.mark.timeout(900)
def test_a_busy_worker_that_is_told_to_stop(
    core: JarvisCoreServices,
    footage: Path,
    whole: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
    start_worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """It hands back what it is at, and nobody has to miss it first."""
    core.storage_service.put_file("artifacts/g/stopped.mp4", footage)
    service = core.workflow_service
    # However busy the machine is, nobody misses the worker while it is held.
    service.config = service.config.model_copy(update={"heartbeat_s": 600.0})
    given = {"video_key": "artifacts/g/stopped.mp4", "stride": STRIDE, "segment_s": 2.0}
    workflow_id = service.start_workflow("video-detection", given)
    leaving = held_at_a_part(start_worker, tmp_path)
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(240) == 0
    with one_worker(core, tmp_path):
        result = service.wait_for_result(workflow_id, 240)
    assert same(kept(core, result, tmp_path), whole)
    history = service.get_workflow_history(workflow_id)
    assert parts_done(history) == 2 + result["again"]
    (ended,) = [row for row in history if row["event"] == "activity_task_failed"]
    assert ended["what"] == "detection_part"
    assert "another takes this step" in ended["detail"]
    begun = [row for row in history if row["event"] == "activity_task_started"]
    assert not [row for row in begun if "attempt" in row["detail"]]  # it is none of its tries


def parts_done(history: list[dict[str, Any]]) -> int:
    done = [row for row in history if row["event"] == "activity_task_completed"]
    return [row["what"] for row in done].count("detection_part")
