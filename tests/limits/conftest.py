"""A small disk that really fills up, and servers of one's own that are really killed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import Server, _accepts, _environment, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


class SmallDisk:
    """A file system of its own, in memory, whose size can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size_mib: int) -> None:
        """Give it another size."""
        options = f"remount,size={size_mib}m"
        subprocess.run(["mount", "-o", options, self.folder], check=True)

    def fill(self) -> Path:
        """Use all of the room that is left; returns the file that does."""
        path = self.folder / "filler"
        with path.open("wb", buffering=0) as stream:
            for block in (MIB, 4096, 1):
                try:
                    while True:
                        stream.write(bytes(block))
                except OSError:
                    continue
        return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.getuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0777", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


def find(name: str) -> str | None:
    """A program of PostgreSQL, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(found[0]) if found else shutil.which(name)


@pytest.fixture
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for anybody called ``jarvis`` on this machine."""
    initdb, postgres = find("initdb"), find("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="jarvis-pg-"))
    prefix: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("there is no user postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        prefix = ["setpriv", *ids]
    data = str(folder / "data")
    made = [*prefix, initdb, "-D", data, "-U", "jarvis", "-A", "trust", "--no-sync"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    (port,) = free_ports(1)
    command = [*prefix, postgres, "-D", data, "-p", str(port), "-k", str(folder)]
    command += ["-h", "127.0.0.1", "-F"]
    server = Server(f"http://127.0.0.1:{port}", command, folder, _environment(), _accepts(port))
    yield server.start()
    server.stop()
    shutil.rmtree(folder)
