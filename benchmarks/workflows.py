"""What workflows cost: starting one, many of them, parts of a video, an empty run.

``python -m benchmarks.workflows`` starts a Temporal server and an object store of its own and
prints ratios, each against a named peer in the same run:

- ``start``: the service's ``start_workflow`` against a bare ``Client.start_workflow``;
- ``throughput``: empty workflows a second with one and with two worker processes;
- ``fan-out``: a rendered video by ``video-detection`` with one and two workers, each on a core of
  its own, against one pass on a core, by the clock and in processor time of the busier worker;
- ``border``: processor time of parts of several lengths against one pass;
- ``payload``: a large input through the object store against one that Temporal keeps;
- ``empty run``: a job of Dagster without work that is handed every core service, against one that
  is not.

``--only NAME`` runs one of them. Unpinned, a second worker shares the cores that the first one's
network already uses: a fan-out gains across machines, not within one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig
from tests.servers import Server, run_object_store, run_temporal
from tests.services.storage_tools import service_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def workers(
    core: JarvisCoreServices, folder: Path, count: int, threads: int, *, pinned: bool = False
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many worker processes, ready to serve; pinned, each on a core of its own."""
    storage = core.storage_service.config
    kept = {"endpoint", "access_key", "artifacts_bucket", "models_bucket", "datasets_bucket"}
    settings = {
        "stack": {"data_dir": str(folder / "data")},
        "storage": {
            **storage.model_dump(mode="json", include={*kept, "logs_bucket"}),
            "secret_key": storage.secret_key.get_secret_value(),
        },
        "workflow": core.workflow_service.config.model_dump(mode="json"),
        "vision": {"threads": threads},
    }
    config = folder / "jarvis-core.yaml"
    config.write_text(yaml.safe_dump(settings))
    env = {**os.environ, "JARVIS_CONFIG": str(config), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "jarvis_dagster.workflows.worker"]
    with (folder / "workers.log").open("ab") as log:
        started = [
            subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
            for _ in range(count)
        ]
    if pinned:  # before they have threads, which inherit it
        for process, core_number in zip(started, sorted(os.sched_getaffinity(0)), strict=False):
            os.sched_setaffinity(process.pid, {core_number})
    try:
        while {row["kind"]: row["workers"] for row in core.workflow_service.backlog()}[
            "vision"
        ] < count:
            time.sleep(0.2)
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(120)


@contextlib.contextmanager
def platform(temporal: Server, store: Server) -> Iterator[JarvisCoreServices]:
    """Services with a queue and buckets of their own."""
    name = f"b{uuid.uuid4().hex[:8]}"
    config = WorkflowConfig(
        address=temporal.address, task_queue=name, cpu_target=1.0, memory_target=0.95
    )
    storage = service_of(store, name).config
    with JarvisCoreServices(storage=storage, workflow=config) as core:
        yield core


def median_ms(what: Callable[[int], Any], rounds: int) -> float:
    """Milliseconds of one call."""
    times = []
    for number in range(rounds + 3):
        began = time.perf_counter()
        what(number)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[3:])


def start_overhead(core: JarvisCoreServices, rounds: int) -> dict[str, float]:
    """The service's start against the client's own."""
    from temporalio.client import Client

    service, config = core.workflow_service, core.workflow_service.config
    mark = uuid.uuid4().hex
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def awaited(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    client = awaited(Client.connect(config.address))

    def bare(number: int) -> None:
        given = {"video_key": "x", "revision": f"{mark}{number}"}
        awaited(
            client.start_workflow(
                "computer-vision", given, id=f"bare-{mark}-{number}", task_queue=config.task_queue
            )
        )

    def ours(number: int) -> None:
        service.start_workflow("computer-vision", {"video_key": "y", "revision": f"{mark}{number}"})

    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for number in range(rounds + 3):  # in turn, so that both see the same machine
        for name, start in (("bare", bare), ("ours", ours)):
            began = time.perf_counter()
            start(number)
            times[name].append(1000 * (time.perf_counter() - began))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    bare_ms, ours_ms = (statistics.median(times[name][3:]) for name in ("bare", "ours"))
    return {"bare_ms": bare_ms, "ours_ms": ours_ms, "ratio": ours_ms / bare_ms}


def throughput(core: JarvisCoreServices, folder: Path, count: int) -> dict[str, float]:
    """Workflows a second that fail at their first decision (wrong input): no step, no wait."""
    service, found = core.workflow_service, {}
    for number in (1, 2):
        with workers(core, folder, number, 1):
            mark = uuid.uuid4().hex
            began = time.perf_counter()
            ids = [
                service.start_workflow("video-detection", {"wrong": f"{mark}{k}"})
                for k in range(count)
            ]
            for one in ids:
                while service.get_workflow_status(one)["status"] == "running":
                    time.sleep(0.01)
            found[f"per_s_{number}"] = count / (time.perf_counter() - began)
    return {**found, "ratio_2_to_1": found["per_s_2"] / found["per_s_1"]}


def rendered(folder: Path, seconds: float) -> Path:
    """A game to look at."""
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    spec = GameSpec(seed=5, duration_s=seconds, width_px=1280, height_px=720, fps=30)
    return render_game(folder, spec).video


def fan_out(core: JarvisCoreServices, folder: Path, seconds: float) -> dict[str, float]:
    """Time with one and two workers on a core each, against one pass on a core.

    A worker uses all cores of its machine; pinned, two of them stand for two machines. On a machine
    that has other work, too, processor time of the worker that has most to do tells more than the
    clock.
    """
    from jarvis_dagster.hockey.detection import detect_video, load_detector

    video = rendered(folder, seconds)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    began, spent = time.perf_counter(), time.process_time()
    detect_video(video, load_detector(threads=1), stride=2)
    found = {
        "one_pass_s": time.perf_counter() - began,
        "one_pass_cpu_s": time.process_time() - spent,
    }
    os.sched_setaffinity(0, cores)
    service = core.workflow_service
    core.storage_service.put_file("artifacts/bench/game.mp4", video)
    for number in (1, 2):
        given = {"video_key": "artifacts/bench/game.mp4", "stride": 2, "segment_s": seconds / 8}
        given["score_threshold"] = 0.3 + number / 1000  # other parts than before
        with workers(core, folder, number, 1, pinned=True) as started:
            before = [cpu_s(process.pid) for process in started]
            began = time.perf_counter()
            service.wait_for_result(service.start_workflow("video-detection", given), 3600)
            found[f"workers_{number}_s"] = time.perf_counter() - began
            after = [cpu_s(process.pid) for process in started]
        found[f"workers_{number}_cpu_s"] = max(map(float.__sub__, after, before))
    for unit in ("s", "cpu_s"):
        one, two = found[f"workers_1_{unit}"], found[f"workers_2_{unit}"]
        found[f"speed_up_2_to_1_{unit}"] = one / two
        found[f"speed_up_2_to_one_pass_{unit}"] = found[f"one_pass_{unit}"] / two
    return found


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def border(folder: Path, seconds: float) -> dict[str, float]:
    """Processor time of parts of several lengths, against one pass."""
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.detection.segments import detect_segment, plan_segments
    from jarvis_dagster.hockey.video import probe

    video, detector = rendered(folder, seconds), load_detector(threads=1)
    info = probe(video)

    def once(length: float | None) -> float:
        began = time.process_time()
        if length is None:
            detect_video(video, detector, stride=2)
        else:
            for start, stop in plan_segments(info.frame_count, 2, round(length * info.fps)):
                detect_segment(video, detector, stride=2, start=start, stop=stop)
        return time.process_time() - began

    once(None)
    whole = once(None)
    found = {"one_pass_cpu_s": whole}
    for length in (1.0, 2.0, 5.0):
        parts = len(plan_segments(info.frame_count, 2, round(length * info.fps)))
        spent = once(length)
        found[f"parts_of_{length:g}_s"] = spent / whole
        found[f"a_border_cpu_s_at_{length:g}"] = (spent - whole) / max(parts - 1, 1)
    return found


def payload(core: JarvisCoreServices, rounds: int) -> dict[str, float]:
    """Starting with 1 MB of input: through the object store, and kept by Temporal."""
    config = core.workflow_service.config
    inline = JarvisWorkflowService(config)  # no object store
    large = {"video_key": "x" * 1_000_000}

    def by(service: JarvisWorkflowService) -> float:
        mark = uuid.uuid4().hex
        return median_ms(
            lambda n: service.start_workflow(
                "computer-vision", {**large, "revision": f"{mark}{n}"}
            ),
            rounds,
        )

    kept, stored = by(inline), by(core.workflow_service)
    size = {
        name: len(json.dumps(service.export_history(one)))
        for name, service in (("inline", inline), ("stored", core.workflow_service))
        for one in [service.start_workflow("computer-vision", {**large, "revision": name})]
    }
    inline.close()
    return {
        "inline_ms": kept,
        "stored_ms": stored,
        "ratio": stored / kept,
        "history_bytes_inline": size["inline"],
        "history_bytes_stored": size["stored"],
    }


def empty_run(folder: Path) -> dict[str, float]:
    """Wall time of a job without work that is handed every core service, against one without."""
    import dagster as dg

    from jarvis_dagster.build import build_definitions

    handed = {"storage", "client_storage", "experiments", "workflows", "analytics"}
    handed |= {"approvals", "notifications"}

    @dg.op(required_resource_keys=handed)
    def nothing_with_services() -> None:
        """Nothing."""

    @dg.op
    def nothing() -> None:
        """Nothing."""

    @dg.job(executor_def=dg.in_process_executor)
    def bare() -> None:
        nothing()

    resources = build_definitions().resources or {}
    chosen = {name: resource for name, resource in resources.items() if name in handed}

    @dg.job(executor_def=dg.in_process_executor, resource_defs=chosen)
    def ours() -> None:
        nothing_with_services()

    home = folder / "instance"
    home.mkdir()
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        for number in range(13):  # in turn, so that both see the same machine
            for name, job in (("bare", bare), ("ours", ours)):
                began = time.perf_counter()
                job.execute_in_process(instance=instance)
                if number >= 3:
                    times[name].append(1000 * (time.perf_counter() - began))
    found = {f"{name}_ms": statistics.median(each) for name, each in times.items()}
    return {**found, "ratio": found["ours_ms"] / found["bare_ms"]}


def main() -> None:
    """Run what is asked for and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    names = ("start", "throughput", "fan-out", "border", "payload", "empty run")
    parser.add_argument("--only", choices=names, help="one of them")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12.0, help="of rendered video")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jarvis-bench-") as scratch:
        folder = Path(scratch)
        temporal, store = run_temporal(folder / "temporal"), run_object_store(folder / "store")
        try:
            for name in [options.only] if options.only else names:
                home = folder / name.replace(" ", "-")
                home.mkdir()
                with platform(temporal, store) as core:
                    measured = {
                        "start": lambda c=core: start_overhead(c, options.rounds),
                        "throughput": lambda c=core, h=home: throughput(c, h, 4 * options.rounds),
                        "fan-out": lambda c=core, h=home: fan_out(c, h, options.seconds),
                        "border": lambda h=home: border(h, options.seconds),
                        "payload": lambda c=core: payload(c, max(5, options.rounds // 5)),
                        "empty run": lambda h=home: empty_run(h),
                    }[name]()
                rounded = {key: round(value, 3) for key, value in measured.items()}
                print(f"{name}: {json.dumps(rounded)}", flush=True)
        finally:
            temporal.stop()
            store.stop()


if __name__ == "__main__":
    main()
