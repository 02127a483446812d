"""What a look of the upload sensor costs, in a small drive and in a large one.

Each drive gets ten new videos between two looks. The same sensor looks at both,
in the same run, and once more at each drive when nothing is new:

    python benchmarks/sensor.py [--files 1000 100000] [--drives local google]

``local`` is a folder of this machine; ``google`` is the Google Drive provider
against the local server that the tests use, in a process of its own. Times are
processor time of the sensor's process, so a busy machine does not change them much.
A cost that grows with what changed, not with what is there, has a ratio near 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.media import pan, write_video
from tests.sensors.arrivals import Arrivals

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from jarvis_dagster.services.client_storage import Drive

NEW = 10
ROUNDS = 5


def local_drive(folder: Path, files: int) -> tuple[Drive, Callable[[], None]]:
    """A folder with ``files`` files below Uploads, a thousand a folder."""
    from jarvis_dagster.services.client_storage import LocalFolderDrive

    uploads = folder / "drive" / "Jarvis AI" / "Season"
    for number in range(files):
        if number % 1000 == 0:
            below = uploads / f"{number // 1000}"
            below.mkdir(parents=True)
        (below / f"{number}.mp4").touch()
    return LocalFolderDrive(folder / "drive", folder / "state"), lambda: None


def google_drive(folder: Path, files: int) -> tuple[Drive, Callable[[], None]]:
    """As many files in a Google Drive, whose server is a process of its own."""
    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve_google, args=(there, folder, files))
    process.start()
    address, credentials = here.recv()
    config = GoogleDriveConfig(kind="google", api_endpoint=address, credentials_file=credentials)
    drive = GoogleDrive(config, folder / "state")

    def close() -> None:
        drive.close()
        here.send("end")
        process.join()

    return drive, close


def serve_google(pipe: Connection, folder: Path, files: int) -> None:
    """Serve a Google Drive with that many files until told to end."""
    from tests.fakes.google import GoogleServer
    from tests.services.google.helpers import signed_in

    with GoogleServer() as server:
        jarvis = server.world.add_folder("Jarvis AI")
        season = server.world.add_folder("Season", jarvis)
        for number in range(files):
            server.world.add_file(f"{number}.mp4", b"", season, "video/mp4")
        pipe.send((server.address, signed_in(server, folder)))
        pipe.recv()


DRIVES = {"local": local_drive, "google": google_drive}


def measure(kind: str, files: int, video: bytes) -> tuple[float, float, int]:
    """Seconds of a look with ten new videos, of one with none, and bytes of the cursor."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        folder = Path(scratch)
        drive, close = DRIVES[kind](folder, files)
        coach = Arrivals(instance, drive, video, folder)
        coach.look()
        busy, idle = [], []
        for _ in range(ROUNDS):
            for _ in range(NEW):
                coach.arrive()
            began = time.process_time()
            found = len(coach.look())
            busy.append(time.process_time() - began)
            if found != NEW:
                raise RuntimeError(f"{found} of {NEW} new videos were seen")
            began = time.process_time()
            coach.look()
            idle.append(time.process_time() - began)
        close()
        return statistics.median(busy), statistics.median(idle), coach.cursor_bytes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--drives", nargs="+", choices=DRIVES, default=list(DRIVES))
    arguments = parser.parse_args()
    console = Console()
    table = Table(
        "drive", "files", "look with 10 new, ms", "ratio", "idle look, ms", "cursor, bytes"
    )
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["JARVIS_DATA_DIR"] = scratch
        video = write_video(Path(scratch) / "v.mp4", pan(3)).read_bytes()
        for kind in arguments.drives:
            first = None
            for files in arguments.files:
                console.print(f"{kind}: {files} files", highlight=False)
                busy, idle, cursor = measure(kind, files, video)
                first = first or busy
                table.add_row(
                    kind,
                    f"{files:,}",
                    f"{busy * 1000:.1f}",
                    f"{busy / first:.2f}",
                    f"{idle * 1000:.1f}",
                    f"{cursor:,}",
                )
    console.print(table)


if __name__ == "__main__":
    main()
