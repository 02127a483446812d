"""What `make run` hands to `jarvis run`, and that it installs nothing a second time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.deploy.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

JARVIS = """#!{python}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is set up, whose `jarvis` says what it was given."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    (tmp_path / "deploy").mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "deploy/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "jarvis").write_text(JARVIS.format(python=sys.executable))
    (programs / "jarvis").chmod(0o755)
    (programs / ".base").touch()
    return tmp_path


def make_run(checkout: Path, *variables: str) -> list[str]:
    done = subprocess.run(
        ["make", "run", *variables],
        cwd=checkout,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    words: list[str] = json.loads(line)
    return words


def test_without_a_video_it_takes_the_sample(checkout: Path) -> None:
    assert make_run(checkout) == ["run", "--sample"]
    assert make_run(checkout, "KEEP=1") == ["run", "--keep", "--sample"]


@pytest.mark.parametrize(
    "video",
    [
        "clips/game.mp4",
        "my game.mp4",
        'it\'s "the" game.mp4',
        "`touch ran`;.mp4",
        "-v.mp4",
        "🏒.mp4",
    ],
)
def test_a_name_arrives_as_it_is(checkout: Path, video: str) -> None:
    given = make_run(checkout, f"VIDEO={video}", "OUTPUT=my results")
    assert given == ["run", "--output", "my results", "--", video]
    assert not (checkout / "ran").exists()
