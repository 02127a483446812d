"""The storage service beside the raw MinIO client, on the same server, in the same run.

    python benchmarks/storage.py [--mb 256] [--rounds 7] [--files 1000] [--endpoint HOST:PORT]

Each round puts and gets one file of random bytes by the raw client
(``fput_object``, ``fget_object``), by the service with its hashes, and by the
service with compression and encryption as well (which random bytes do not shrink
under), each way first in turn. The ratio is the median over the rounds of raw
time / service time, with its quartiles: 1 is as fast as the raw client. Processor
seconds are of the client and of the server. Without ``--endpoint`` an embedded
server is started; ``TMPDIR`` says on which disk.
The credentials of another one are ``JARVIS_S3_ACCESS_KEY`` and ``JARVIS_S3_SECRET_KEY``.
Memory is the peak of a process of its own for each size.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from jarvis_dagster.services.storage.key_sources import new_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SERVER: list[psutil.Process] = []  # the embedded one, while it runs
GOALS = {"hashed": 0.9, "compressed, encrypted": 0.6}


@contextlib.contextmanager
def server(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, str]]:
    """How to reach the server; its process, where it is ours."""
    if options.endpoint:
        yield {
            "endpoint": options.endpoint,
            "access_key": os.environ["JARVIS_S3_ACCESS_KEY"],
            "secret_key": os.environ["JARVIS_S3_SECRET_KEY"],
        }
        return
    from tests.servers import run_object_store

    started = run_object_store(folder / "server")
    assert started.process is not None
    _SERVER.append(psutil.Process(started.process.pid))
    try:
        yield {
            "endpoint": started.address,
            "access_key": started.access_key,
            "secret_key": started.secret_key,
        }
    finally:
        _SERVER.clear()
        started.stop()


def service(at: dict[str, str], *, encrypted: bool) -> JarvisStorageService:
    os.environ["JARVIS_STORAGE_KEYS"] = new_key()
    made = JarvisStorageService(
        StorageConfig.model_validate(
            {**at, "encryption": {"source": "environment" if encrypted else "off"}}
        )
    )
    made.ensure_buckets()
    return made


def fill(path: Path, size_mb: int) -> Path:
    with path.open("wb") as stream:
        for _ in range(size_mb):
            stream.write(secrets.token_bytes(1 << 20))
    return path


def timed(call: Callable[[], object]) -> tuple[float, float, float]:
    """Wall seconds, and processor seconds of this process and of the embedded server."""
    wall, cpu, served = time.perf_counter(), time.process_time(), server_cpu_s()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu, server_cpu_s() - served


def server_cpu_s() -> float:
    """Processor seconds of the embedded server; 0 where another one is used."""
    if not _SERVER:
        return 0.0
    spent = _SERVER[0].cpu_times()
    return float(spent.user + spent.system)


def one_file(
    at: dict[str, str], folder: Path, options: argparse.Namespace, console: Console
) -> Table:
    """Put and get one large file, in turns."""
    ways = {"hashed": service(at, encrypted=False)}
    if not options.hashed_only:
        ways["compressed, encrypted"] = service(at, encrypted=True)
    client = ways["hashed"].objects.wire.client
    bucket, back = ways["hashed"].config.artifacts_bucket, folder / "back"
    spent: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for number in range(options.rounds + 1):  # the first warms up
        path = fill(folder / "file.bin", options.mb)
        calls: list[dict[str, Callable[[], object]]] = [
            {
                "raw put": lambda p=path: client.fput_object(bucket, "raw", str(p)),
                "raw get": lambda: client.fget_object(bucket, "raw", str(back)),
            },
        ]
        for way, made in ways.items():
            put = functools.partial(made.put_file, way, path)
            get = functools.partial(made.get_file, way, back)
            calls.append({f"{way} put": put, f"{way} get": get})
        first = number % len(calls)
        for name, call in [pair for each in calls[first:] + calls[:first] for pair in each.items()]:
            way, _, what = name.rpartition(" ")
            back.unlink(missing_ok=True) if what == "get" else None
            took = timed(call)
            if number:
                spent.setdefault((way, what), []).append(took)
        console.print(f"round {number} of {options.rounds}", highlight=False)
    return table_of(spent, options.mb)


def table_of(spent: dict[tuple[str, str], list[tuple[float, float, float]]], size_mb: int) -> Table:
    table = Table(title=f"one file of {size_mb} MiB of random bytes")
    for column in ("way", "what", "MiB/s", "client CPU s", "server CPU s", "ratio", "goal"):
        table.add_column(column, justify="left" if column in {"way", "what"} else "right")
    for (way, what), runs in sorted(spent.items(), key=lambda item: item[0][0] != "raw"):
        raw = spent["raw", what]
        ratios = [r[0] / t[0] for r, t in zip(raw, runs, strict=True)]
        ratio = statistics.median(ratios)
        quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        table.add_row(
            way,
            what,
            f"{size_mb / statistics.median(t[0] for t in runs):.0f}",
            *(f"{statistics.median(t[side] for t in runs):.2f}" for side in (1, 2)),
            f"{ratio:.2f} ({quarters[0]:.2f} to {quarters[2]:.2f})",
            f"{GOALS[way]:g}" if way in GOALS else "",
        )
    return table


def small_files(at: dict[str, str], folder: Path, count: int, console: Console) -> Table:
    """Many small files: the raw client's put beside artifacts with records."""
    table = Table(title=f"{count} files of 10 KiB")
    for column in ("way", "what", "a second", "ratio to a raw put and stat"):
        table.add_column(column, justify="right" if column != "way" else "left")
    names = [folder / f"{number}.bin" for number in range(count)]
    for path in names:
        path.write_bytes(secrets.token_bytes(10 << 10))
    plain, sealed = service(at, encrypted=False), service(at, encrypted=True)
    client, bucket = plain.objects.wire.client, plain.config.artifacts_bucket

    def raw() -> None:
        for path in names:
            client.fput_object(bucket, f"raw/{path.name}", str(path))
            client.stat_object(bucket, f"raw/{path.name}")

    def artifacts(made: JarvisStorageService, component: str) -> None:
        for path in names:
            made.store_artifact(path, {"n": 1}, component)

    base = timed(raw)[0]
    table.add_row("raw", "put and stat", f"{count / base:.0f}", "1")
    for way, made in (("hashed", plain), ("encrypted", sealed)):
        for what, call in {
            "store_artifact": lambda m=made, w=way: artifacts(m, w),
            "the same again": lambda m=made, w=way: artifacts(m, w),
            "list_artifacts": lambda m=made, w=way: m.list_artifacts(w),
        }.items():
            took = timed(call)[0]
            table.add_row(way, what, f"{count / took:.0f}", f"{base / took:.2f}")
            console.print(f"{way}: {what} done", highlight=False)
    return table


def memory(at: dict[str, str], folder: Path, sizes_mb: list[int]) -> Table:
    """The peak resident size of processes that put and get one file."""
    table = Table(title="peak memory of the client process, MiB")
    for column in ("size MiB", "imports only", "hashed", "compressed, encrypted"):
        table.add_column(column, justify="right")
    for size_mb in sizes_mb:
        path = fill(folder / "file.bin", size_mb)
        peaks = []
        for how in ("none", "off", "environment"):
            command = [sys.executable, __file__, "--child", json.dumps(at), how, str(path)]
            peaks.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
        table.add_row(str(size_mb), *(str(peak) for peak in peaks))
    return table


def child(at: dict[str, str], how: str, path: Path) -> None:
    """Put and get a file, and print the peak memory."""
    made = service(at, encrypted=how == "environment")
    if how == "none":
        path.with_name("tiny").write_bytes(b"tiny")
        path = path.with_name("tiny")
    made.put_file(f"memory/{how}", path)
    made.get_file(f"memory/{how}", path.with_name("memory"))
    # not getrusage: that begins with the peak of the process that started this one
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) >> 10)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=256, help="size of the large file, MiB")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hashed-only", action="store_true", help="leave encryption out")
    parser.add_argument("--files", type=int, default=1000, help="how many small files; 0: none")
    parser.add_argument("--memory", type=int, nargs="*", default=[64, 1024], help="sizes, MiB")
    parser.add_argument("--endpoint", help="host:port of another S3 server")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child[0]), options.child[1], Path(options.child[2]))
        return
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as name, server(options, Path(name)) as at:
        folder = Path(name) / "files"
        folder.mkdir()
        if options.rounds:
            console.print(one_file(at, folder, options, console))
        if options.files:
            console.print(small_files(at, folder, options.files, console))
        if options.memory:
            console.print(memory(at, folder, options.memory))


if __name__ == "__main__":
    main()
