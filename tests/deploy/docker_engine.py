"""A Docker engine for tests: the machine's, or one started for the purpose.

The one started here has its own data, and its containers their own network namespace, so that it
changes nothing on the machine. It builds with the machine's network, and then runs without.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tenacity

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE_IMAGE = "python:3.11-slim-bookworm"
STAND_IN = "stand-in/python:3.11-slim-bookworm"
NAMESPACE = "jarvis-test"


def run(*command: str, timeout: float = 3600, **environment: str) -> str:
    """Run a command; its output is part of the failure."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def machine_engine_answers() -> bool:
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    )


def why_none_can_be_started() -> str | None:
    missing = [name for name in ("docker", "dockerd", "ip", "nsenter") if not shutil.which(name)]
    if missing:
        return f"no Docker engine answers, and {', '.join(missing)} is not installed"
    if os.getuid() != 0:
        return "no Docker engine answers, and only root can start one"
    return None


@contextlib.contextmanager
def engine(folder: Path, *, isolated: bool) -> Iterator[str]:
    """A dockerd whose data is in `folder`; yields its address."""
    with tempfile.TemporaryDirectory(prefix="jd", ignore_cleanup_errors=True) as short:
        address = f"unix://{short}/s"
        network = ["--iptables=false", "--ip6tables=false", "--bridge=none"]
        prefix: list[str] = []
        if isolated:
            network = []
            run("ip", "netns", "add", NAMESPACE)
            run("ip", "-n", NAMESPACE, "link", "set", "lo", "up")
            prefix = ["nsenter", f"--net=/run/netns/{NAMESPACE}"]
        with (folder / "dockerd.log").open("ab") as log:
            daemon = subprocess.Popen(
                [
                    *prefix,
                    *("dockerd", "--data-root", str(folder / "data"), "--exec-root", f"{short}/e"),
                    *("-p", f"{short}/pid", "-H", address, *network),
                ],
                stdout=log,
                stderr=log,
            )
        try:
            answers = tenacity.Retrying(
                stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.3), reraise=True
            )
            answers(run, "docker", "-H", address, "info")
            yield address
        finally:
            daemon.terminate()
            daemon.wait(120)
            for left in Path(short).glob("e/netns/*"):  # dockerd leaves them mounted
                subprocess.run(["umount", str(left)], capture_output=True, check=False)
            if isolated:
                run("ip", "netns", "delete", NAMESPACE)


def base_image(address: str, folder: Path) -> str:
    """The base image, or where no registry can be reached the same made of Debian's packages."""
    pulled = subprocess.run(
        ["docker", "-H", address, "pull", "-q", BASE_IMAGE], capture_output=True, check=False
    )
    if pulled.returncode == 0:
        return BASE_IMAGE
    if not shutil.which("debootstrap"):
        pytest.skip(f"{BASE_IMAGE} cannot be pulled, and debootstrap is not installed")
    root = folder / "rootfs"
    run(
        *("debootstrap", "--variant=minbase"),
        "--include=python3,python3-venv,python3-pip,ca-certificates",
        *("bookworm", str(root)),
    )
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(authorities, root / "etc/ssl/certs")
    for settings in Path("/etc/apt/apt.conf.d").glob("99*"):
        shutil.copy(settings, root / "etc/apt/apt.conf.d")
    archive = folder / "rootfs.tar"
    run("tar", "-C", str(root), "-cf", str(archive), ".")
    trust = f"ENV PIP_CERT={authorities} SSL_CERT_FILE={authorities}"
    run("docker", "-H", address, "import", "--change", trust, str(archive), STAND_IN)
    shutil.rmtree(root)
    archive.unlink()
    return STAND_IN
