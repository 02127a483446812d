"""Backups against restic, and against tar with zstd, of the same files in the same run.

    python benchmarks/backup.py [--files 2000] [--size-mb 512] [--objects 0] [--folder DIR]

Files are half videos (random bytes) and half tables (text that compresses). Times are in
processor seconds of the process and its children, so a busy machine changes them little. A
peer that is not installed is left out. ``--objects N`` also puts N objects into a SeaweedFS
of its own and measures a backup of them, and one when nothing changed.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from jarvis_dagster.services.backup import BackupConfig, JarvisBackupService
from jarvis_dagster.services.backup.places import FolderPlace
from jarvis_dagster.services.backup.s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable

console = Console()
PASSPHRASE = "only for measuring"  # noqa: S105  # guards nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="how many files")
    parser.add_argument("--size-mb", type=int, default=512, help="their size together")
    parser.add_argument("--objects", type=int, default=0, help="how many objects in a store")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        console.print(f"writing {options.files} files, {options.size_mb} MB")
        size = write_files(folder / "data", options.files, options.size_mb << 20)
        time.sleep(3)  # files of this moment may still change, and are always read again
        tools = [
            tool for tool in (ours, restic, tar) if tool is ours or shutil.which(tool.__name__)
        ]
        rows = [measure(tool, folder, size) for tool in tools]
        print_table(rows, size)
        if options.objects:
            measure_objects(folder, options.objects)


def write_files(folder: Path, count: int, size: int) -> int:
    chance = random.Random(1)  # noqa: S311
    each, total = max(size // count, 1), 0
    words = [f"{chance.random():.6f}" for _ in range(500)]
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 2:
            content = chance.randbytes(each)
        else:
            content = ",".join(chance.choices(words, k=each // 9 + 1)).encode()[:each]
        path.write_bytes(content)
        total += len(content)
    return total


def ours(folder: Path) -> tuple[Callable[[], object], Callable[[], object], Path]:
    place, data = folder / "ours", folder / "data"

    def service(data_dir: Path) -> JarvisBackupService:
        config = BackupConfig(place=str(place), key=PASSPHRASE)  # type: ignore[arg-type]
        return JarvisBackupService(config, FolderPlace(place), data_dir=data_dir, storage=None)

    def restore() -> None:
        backups = service(folder / "restored-ours")
        backups.restore(backups.choose())

    return lambda: service(data).create(), restore, place


def restic(folder: Path) -> tuple[Callable[[], object], Callable[[], object], Path]:
    place = folder / "restic"
    env = {**os.environ, "RESTIC_PASSWORD": PASSPHRASE, "RESTIC_REPOSITORY": str(place)}
    env["RESTIC_CACHE_DIR"] = str(folder / "cache")

    def run(*words: str | Path) -> None:
        subprocess.run(["restic", "--quiet", *words], env=env, check=True)

    run("init", "--repository-version", "2")
    restored = folder / "restored-restic"
    return (
        lambda: run("backup", folder / "data"),
        lambda: run("restore", "latest", "--verify", "--target", restored),
        place,
    )


def tar(folder: Path) -> tuple[Callable[[], object], Callable[[], object], Path]:
    place = folder / "tar"
    place.mkdir()
    archive = place / "all.tar.zst"

    def run(*words: str | Path) -> None:
        subprocess.run(["tar", "--zstd", *words], check=True)

    def restore() -> None:
        (folder / "restored-tar").mkdir()
        run("-xf", archive, "-C", folder / "restored-tar")

    return lambda: run("-cf", archive, "-C", folder, "data"), restore, place


def measure(
    tool: Callable[[Path], tuple[Callable[[], object], Callable[[], object], Path]],
    folder: Path,
    size: int,
) -> tuple[str, float, float, float, float]:
    """Processor seconds of the first backup, one without changes, a restore; stored share."""
    backup, restore, place = tool(folder)
    figures = []
    for name, step in (("first", backup), ("again", backup), ("restore", restore)):
        console.print(f"{tool.__name__}: {name}")
        before = processor_s()
        step()
        figures.append(processor_s() - before)
    stored = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return (tool.__name__, *figures, stored / size)  # type: ignore[return-value]


def processor_s() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, both))


def print_table(rows: list[tuple[str, float, float, float, float]], size: int) -> None:
    table = Table("tool", "first", "MB/s", "unchanged", "restore", "MB/s", "stored")
    for name, first, again, restore, stored in rows:
        table.add_row(
            name,
            f"{first:.2f} s",
            f"{size / first / 1e6:.0f}",
            f"{again:.2f} s",
            f"{restore:.2f} s",
            f"{size / restore / 1e6:.0f}",
            f"{stored:.0%}",
        )
    console.print(table)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"most memory of ours: {peak_mb:.0f} MB")


def measure_objects(folder: Path, count: int) -> None:
    """A backup of objects in a store, and one when nothing changed."""
    import io

    from pydantic import SecretStr

    from jarvis_dagster.services.storage import StorageConfig
    from tests.servers import run_object_store

    server = run_object_store(folder / "store")
    try:
        storage = StorageConfig(
            endpoint=server.address,
            access_key=server.access_key,
            secret_key=SecretStr(server.secret_key),
        )
        config = BackupConfig(place=str(folder / "objects"), key=PASSPHRASE)  # type: ignore[arg-type]
        place = FolderPlace(folder / "objects")
        backups = JarvisBackupService(config, place, data_dir=folder / "empty", storage=storage)
        client, chance = S3(storage).client, random.Random(2)  # noqa: S311
        client.make_bucket(storage.artifacts_bucket)
        console.print(f"putting {count} objects")
        for number in range(count):
            data = chance.randbytes(10_000)
            key = f"artifacts/{number:06}/table.parquet"
            client.put_object(storage.artifacts_bucket, key, io.BytesIO(data), len(data))
        time.sleep(3)
        for name in ("first", "unchanged"):
            before, began = processor_s(), time.monotonic()
            made = backups.create()
            console.print(
                f"{count} objects, {name}: {processor_s() - before:.2f} processor s,"
                f" {time.monotonic() - began:.2f} s, {made.new_bytes / 1e6:.2f} MB added"
            )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
