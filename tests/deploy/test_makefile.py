"""What `make run` hands to `jarvis run`, what it installs of the system, and nothing twice."""

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


PYTHON = """#!/bin/sh
test -e "$HOME/installed" && exit 0
echo 'ImportError: libxcb.so.1: cannot open shared object file: No such file or directory' >&2
exit 1
"""


@pytest.mark.parametrize("allowed", [True, False])
def test_a_library_of_the_system_is_installed_or_named(tmp_path: Path, allowed: bool) -> None:
    """A machine without OpenCV's libraries, whose apt-get does its work or refuses it."""
    programs = {
        "python": PYTHON,
        "apt-get": '#!/bin/sh\necho "$@" >> "$HOME/asked"\n'
        + ('test "$1" = install && touch "$HOME/installed"; exit 0\n' if allowed else "exit 100\n"),
        "id": "#!/bin/sh\necho 0\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def ask() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "deploy/libraries.sh"), str(tmp_path / "python")],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    told = ask()
    assert told.returncode == (0 if allowed else 1)
    assert "libxcb1" in told.stdout
    if not allowed:
        assert "libxcb.so.1" in told.stderr
        assert "sudo apt-get install libgl1 libglib2.0-0 libxcb1" in told.stderr
        return
    assert (tmp_path / "asked").read_text().splitlines()[-1].endswith("libgl1 libglib2.0-0 libxcb1")
    (tmp_path / "asked").unlink()
    told = ask()
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    assert not (tmp_path / "asked").exists()
