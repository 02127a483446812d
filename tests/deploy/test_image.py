"""The project's image is built, and its services run as the production stack says.

It takes a quarter of an hour, a Docker engine and the network, so it runs only with
JARVIS_TEST_DOCKER=1.
"""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tenacity

from tests.deploy import docker_engine
from tests.deploy.docker_engine import run
from tests.deploy.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("JARVIS_TEST_DOCKER") != "1",
        reason="building the image takes long (set JARVIS_TEST_DOCKER=1)",
    ),
    pytest.mark.timeout(5400),
]

IMAGE = "jarvis-dagster:0.0.0-test"
POSTGRES = "stand-in/postgres:0.0.0-test"
OWN = (
    *("mlflow", "dagster-code", "dagster-webserver", "dagster-viewer", "dagster-daemon"),
    *("worker", "metrics", "login", "gateway"),
)
STAND_INS = ROOT / "tests" / "deploy" / "stand_ins"


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine that holds the image and the stand-ins."""
    if docker_engine.machine_engine_answers():
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        build(address, tmp_path_factory.mktemp("base"))
        yield address
        return
    reason = docker_engine.why_none_can_be_started()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("docker")
    try:
        with docker_engine.engine(folder, isolated=False) as address:
            build(address, folder)
        with docker_engine.engine(folder, isolated=True) as address:
            yield address
    finally:
        shutil.rmtree(folder / "data", ignore_errors=True)


def build(address: str, folder: Path) -> None:
    base = docker_engine.base_image(address, folder)
    common = ("docker", "-H", address, "build", "--network", "host")
    argument = ("--build-arg", f"BASE_IMAGE={base}")
    dockerfile = str(ROOT / "deploy" / "docker" / "Dockerfile")
    run(*common, *argument, "-f", dockerfile, "-t", IMAGE, str(ROOT), timeout=5000)
    dockerfile = str(STAND_INS / "postgres.Dockerfile")
    run(*common, *argument, "-f", dockerfile, "-t", POSTGRES, str(STAND_INS), timeout=1000)


class Stack:
    """The production stack with stand-ins, in one engine."""

    def __init__(self, address: str, *more: str, **environment: str) -> None:
        self._address = address
        self._environment = environment
        binary = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
        assert binary
        self._command = (
            *(binary, "-p", "jarvis-test", "--project-directory", str(ROOT)),
            *("-f", str(ROOT / "docker-compose.yml"), "-f", str(STAND_INS / "compose.yml")),
            *(word for name in more for word in ("-f", str(ROOT / name))),
            *("--env-file", str(ROOT / ".env.example")),
        )

    def __call__(self, *arguments: str, timeout: float = 600) -> str:
        return run(
            *self._command,
            *arguments,
            timeout=timeout,
            DOCKER_HOST=self._address,
            JARVIS_IMAGE=IMAGE,
            STAND_IN_POSTGRES=POSTGRES,
            **self._environment,
        )

    def python(self, service: str, program: str) -> str:
        return self("exec", "-T", service, "python", "-c", program)


@pytest.fixture(scope="module")
def stack(docker: str) -> Iterator[Stack]:
    running = Stack(docker)
    try:
        running("up", "-d", "--no-build", "--wait", "--wait-timeout", "900", *OWN, timeout=1200)
    except AssertionError as error:
        told = running("logs", "--tail", "60")
        running("down", "-v")
        raise AssertionError(f"{error}\n{told}") from None
    yield running
    running("down", "-v", "-t", "30")


def test_all_own_services_are_healthy(stack: Stack) -> None:
    lines = stack("ps", "--format", "json").splitlines()
    health = {row["Service"]: row["Health"] for row in map(json.loads, lines)}
    assert {name: health[name] for name in OWN} == dict.fromkeys(OWN, "healthy")


def test_nothing_runs_as_root(stack: Stack) -> None:
    for service in OWN:
        assert stack("exec", "-T", service, "id", "-u").strip() == "10001", service


def test_dagster_has_loaded_the_definitions(stack: Stack) -> None:
    asked = stack.python(
        "dagster-webserver",
        "import json, urllib.request as u\n"
        "query = '{workspaceOrError {... on Workspace {locationEntries {name"
        " locationOrLoadError {__typename}}}}}'\n"
        "r = u.Request('http://127.0.0.1:3000/dagster/graphql',"
        " json.dumps({'query': query}).encode(), {'Content-Type': 'application/json'})\n"
        "print(u.urlopen(r).read().decode())",
    )
    (location,) = json.loads(asked)["data"]["workspaceOrError"]["locationEntries"]
    assert location == {
        "name": "jarvis",
        "locationOrLoadError": {"__typename": "RepositoryLocation"},
    }


def test_the_gateway_lets_nobody_in_who_is_not_signed_in(stack: Stack) -> None:
    told = stack.python(
        "gateway",
        "import ssl, urllib.request as u, urllib.error as e\n"
        "any_ = ssl._create_unverified_context()\n"
        "for path in ('/dagster/server_info', '/mlflow/health', '/login'):\n"
        "    try: print(u.urlopen('https://localhost:8600' + path, context=any_).status)\n"
        "    except e.HTTPError as error: print(error.code)\n"
        "try: u.urlopen('http://localhost:8600/login')\n"
        "except e.HTTPError as error: print(error.code)\n",
    )
    assert told.split() == ["401", "401", "200", "400"]

    def noted() -> None:
        """The login reads what Caddy writes in a container of its own."""
        log = "/var/lib/jarvis/security/audit.jsonl"
        assert "TLS handshake" in stack("exec", "-T", "login", "cat", log)

    patiently(300)(noted)


def test_models_are_kept_in_s3_through_mlflow(stack: Stack) -> None:
    told = stack.python(
        "worker",
        "import mlflow, pathlib, os\n"
        "mlflow.set_tracking_uri(os.environ['JARVIS_MLFLOW_URI'])\n"
        "mlflow.set_experiment('image')\n"
        "path = pathlib.Path('/tmp/weights.txt'); path.write_text('weights')\n"
        "with mlflow.start_run() as run: mlflow.log_artifact(str(path))\n"
        "uri = f'runs:/{run.info.run_id}/weights.txt'\n"
        "print(pathlib.Path(mlflow.artifacts.download_artifacts(uri)).read_text())",
    )
    assert told.split()[-1] == "weights"


def test_the_worker_answers_for_its_queue(stack: Stack) -> None:
    stack("exec", "-T", "worker", "healthcheck", "worker")
    with pytest.raises(AssertionError):
        stack("exec", "-T", "metrics", "healthcheck", "worker")


def test_an_upload_is_analysed_by_itself(stack: Stack) -> None:
    """From the drive to the drive, by the sensor, the daemon and the code location."""
    analysed(stack, "by itself")


def patiently(longest_s: float) -> tenacity.Retrying:
    """Tries again until it is so."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_delay(longest_s), wait=tenacity.wait_fixed(5), reraise=True
    )


def analysed(stack: Stack, name: str) -> None:
    """Put a video into the drive, and wait until its results are there."""
    stack.python(
        "worker",
        "import pathlib, shutil\n"
        "from jarvis_dagster.hockey.synthetic import GameSpec, render_game\n"
        f"spec = GameSpec(seed={len(name)}, duration_s=2.0, width_px=640, height_px=360, fps=15)\n"
        f"video = render_game(pathlib.Path('/tmp', {name!r}), spec).video\n"
        "uploads = pathlib.Path('/var/lib/jarvis/drive/Jarvis AI/Uploads')\n"
        "uploads.mkdir(parents=True, exist_ok=True)\n"
        f"shutil.copy(video, uploads / '{name}.mp4')\n",
    )
    results = f"/var/lib/jarvis/drive/Jarvis AI/Results/{name}"
    try:
        patiently(1200)(stack, "exec", "-T", "worker", "test", "-s", f"{results}/manifest.json")
    except AssertionError as error:
        told = stack("logs", "--tail", "60", "dagster-code", "dagster-daemon")
        raise AssertionError(f"{error}\n{told}") from None
    made = stack("exec", "-T", "worker", "ls", results).split()
    assert {"report.html", "annotated.mp4", "tracks.csv", "events.csv"} <= set(made)


def test_a_backup_holds_the_databases_of_the_stack(stack: Stack) -> None:
    """By the client programs in the image, which are as new as the stack's PostgreSQL."""
    place = "/tmp/backups"
    stack("exec", "-T", "worker", "jarvis", "backup", "create", "--place", place)
    stack("exec", "-T", "worker", "jarvis", "backup", "verify", "--place", place)
    told = stack.python(
        "worker",
        "from jarvis_dagster.settings import load_settings\n"
        "from jarvis_dagster.wiring import backup_service\n"
        "settings = load_settings()\n"
        f"backup = settings.backup.model_copy(update={{'place': {place!r}}})\n"
        "service = backup_service(settings.model_copy(update={'backup': backup}))\n"
        "for entry in service.entries(service.choose()): print(entry.path)",
    )
    databases = {line for line in told.splitlines() if line.startswith("postgres/")}
    names = ("dagster", "mlflow", "temporal", "temporal_visibility")
    assert databases == {f"postgres/{name}" for name in names}


def test_a_backup_restores_into_empty_volumes(stack: Stack, tmp_path: Path) -> None:
    """Databases, objects, accounts and the drive are there again, as docs/operations.md tells."""
    tmp_path.chmod(0o777)  # the containers' user writes there
    place = ("-v", f"{tmp_path}:/place", "-e", "JARVIS_BACKUP_KEY=as long as a passphrase is")
    backup = ("run", "--rm", "--no-deps", "-T", *place, "worker", "jarvis", "backup")
    stack("exec", "-T", "login", "jarvis", "account", "add", "kept", "--service", "--role", "user")
    stack.python("worker", _KEEP_SOMETHING)
    told = stack.python("worker", _TELL_WHAT_IS_KEPT)
    stack(*backup, "create", "--place", "/place")
    stack("down", "-v", "-t", "30")
    stack("up", "-d", "--no-build", "--wait", "--wait-timeout", "900", "postgres", "s3")
    stack(*backup, "restore", "--place", "/place")
    stack("up", "-d", "--no-build", "--wait", "--wait-timeout", "900", *OWN, timeout=1200)
    assert stack.python("worker", _TELL_WHAT_IS_KEPT) == told
    assert "kept" in stack("exec", "-T", "login", "jarvis", "account", "list")
    stack("exec", "-T", "worker", "jarvis", "storage", "verify")
    analysed(stack, "after the restore")


_KEEP_SOMETHING = """
import os, pathlib, mlflow, dagster as dg
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
path = pathlib.Path('/tmp/weights.txt'); path.write_text('weights')
pathlib.Path('/var/lib/jarvis/drive/note.txt').write_text('in the drive')
mlflow.set_tracking_uri(os.environ['JARVIS_MLFLOW_URI'])
mlflow.set_experiment('restored')
with mlflow.start_run(): mlflow.log_artifact(str(path))
with core_services(load_settings()) as core: core.storage_service.store_artifact(str(path))
with dg.DagsterInstance.get() as instance: instance.add_dynamic_partitions('kept', ['a game'])
"""
_TELL_WHAT_IS_KEPT = """
import os, pathlib, mlflow, dagster as dg
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
print(pathlib.Path('/var/lib/jarvis/drive/note.txt').read_text())
mlflow.set_tracking_uri(os.environ['JARVIS_MLFLOW_URI'])
(run,) = mlflow.search_runs(experiment_names=['restored'], output_format='list')
uri = f'runs:/{run.info.run_id}/weights.txt'
print(uri, pathlib.Path(mlflow.artifacts.download_artifacts(uri)).read_text())
with core_services(load_settings()) as core:
    for one in sorted(core.storage_service.list_artifacts(), key=str):
        assert core.storage_service.retrieve_artifact(one['id'], '/tmp/again')
        print(one['id'], pathlib.Path('/tmp/again').read_bytes()[:7])
with dg.DagsterInstance.get() as instance: print(instance.get_dynamic_partitions('kept'))
"""


def test_a_run_has_a_container_of_its_own(docker: str, stack: Stack) -> None:
    """The last one: the stack goes on with the other launcher."""
    socket = Path(docker.removeprefix("unix://"))
    isolated = Stack(
        docker,
        "deploy/docker/isolated-runs.yml",
        DOCKER_SOCKET=str(socket),
        DOCKER_GROUP=str(socket.stat().st_gid),
    )
    isolated("up", "-d", "--no-build", "--wait", "--wait-timeout", "900", *OWN, timeout=1200)
    analysed(isolated, "in a container")
    program = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    wanted = dg.RunsFilter(job_name='process_video')\n"
        "    (run, *_) = instance.get_runs(wanted)\n"
        "print(run.status.value, run.tags['docker/container_id'], run.tags['dagster/image'])\n"
    )

    def ended() -> tuple[str, str]:
        """Results are in the drive before the run ends, and it ends before its container."""
        status, container, image = isolated.python("dagster-code", program).split()[-3:]
        assert status not in {"STARTING", "STARTED"}
        assert container not in run("docker", "-H", docker, "ps", "-a", "-q", "--no-trunc")
        return status, image

    assert patiently(300)(ended) == ("SUCCESS", IMAGE)
