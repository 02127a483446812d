"""Making a run's figures again, and comparing them.

Belongs here: the packages of then, the process, the comparison. Does not belong here: where data
comes from (the caller fetches it), the code of then (``code_of_then.py``), what is recorded
(``recipe.py``).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError
from jarvis_dagster.services.experiment.code_of_then import CodeOfThen
from jarvis_dagster.services.experiment.code_version import installed_packages
from jarvis_dagster.services.experiment.recipe import FOLDER, DataRef, Recipe
from jarvis_dagster.services.experiment.values import finite
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.services.experiment.finding import Reader

    Fetch = Callable[[DataRef, Path], None]
    Told = Callable[[str], None]

__all__ = ["Figure", "Reproduction", "reproduce"]

_PACKAGE = "jarvis_dagster"
_OWN = "jarvis-dagster"
_LAST_LINES = 15


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure then and now; ``recorded`` or ``again`` is None where it is not there."""

    name: str
    recorded: float | None
    again: float | None
    allowed: float
    agrees: bool


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """What came out.

    Attributes:
        code: In words, which code was run.
        same_code: Whether its source files are those of then, by hash.
        packages: Those that differ: version then and now; empty is missing.
        data: Names of the files that were fetched, each verified by its hash.
    """

    run_id: str
    agrees: bool
    figures: tuple[Figure, ...]
    code: str
    same_code: bool
    packages: dict[str, tuple[str, str]]
    data: tuple[str, ...]
    seeds: dict[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def reproduce(
    reader: Reader,
    run_id: str,
    fetch: Fetch,
    *,
    recreate_packages: bool = False,
    told: Told | None = None,
) -> Reproduction:
    """Make the figures of a run again, in a process of its own.

    Args:
        fetch: Writes a file of the recipe to a path.
        recreate_packages: Install the packages of then into an environment of its own,
            instead of telling which differ.
        told: Is called with each step in words.

    Raises:
        NotSupportedError: the run has no recipe.
        BadInputError: a file is not what it was.
        PermanentError: the entry point failed; its last words are in the message.
    """
    told = told or (lambda _: None)
    with tempfile.TemporaryDirectory(prefix="jarvis-again-") as scratch:
        folder = Path(scratch)
        document = _recorded(reader, run_id)
        recipe = Recipe.from_json(document["recipe"])
        told("Fetching what it was made from")
        paths = _fetched(recipe, folder / "data", fetch)
        with CodeOfThen(document["code"], folder / "code") as code:
            code.prepare(lambda path: reader.fetch_artifact(run_id, path, folder))
            told(f"Code: {code.words}")
            packages = _differences(document["packages"])
            python = sys.executable
            if packages and recreate_packages:
                told(f"Installing {len(document['packages'])} packages as they were")
                python = _environment(document["packages"], folder / "environment")
                packages = {}
            elif packages:
                told(f"{len(packages)} packages differ from those of then")
            told(f"Running {recipe.entry_point}")
            began = time.monotonic()
            again = _run(recipe, paths, folder, python, code.path)
            seconds = time.monotonic() - began
    before = reader.run_facts(run_id).metrics
    figures = tuple(_figure(name, before.get(name), value, recipe) for name, value in again.items())
    return Reproduction(
        run_id=run_id,
        agrees=bool(figures) and all(figure.agrees for figure in figures),
        figures=figures,
        code=code.words,
        same_code=code.same,
        packages=packages,
        data=tuple(sorted(paths)),
        seeds=recipe.seeds,
        seconds=round(seconds, 1),
    )


def _recorded(reader: Reader, run_id: str) -> dict[str, Any]:
    path = f"{FOLDER}/recipe.json"
    if path not in reader.artifacts(run_id):
        raise NotSupportedError(
            f"Run {run_id} recorded no recipe, so it cannot be made again.",
            "Runs of the Toolchain and of promotion record one; RunLog.recipe does in code.",
        )
    document: dict[str, Any] = reader.read_json(run_id, path)
    return document


def _fetched(recipe: Recipe, folder: Path, fetch: Fetch) -> dict[str, Path]:
    """The files of the recipe by name, each as it was."""
    paths = {}
    for name, ref in recipe.data.items():
        path = folder / safe_name(name) / safe_name(ref.name)
        path.parent.mkdir(parents=True)
        fetch(ref, path)
        if sha256_file(path) != ref.sha256:
            raise BadInputError(
                f"{name} ({ref.kind} {ref.id}) is not what the run was made from.",
                "Restore it from a backup; without it the run cannot be made again.",
            )
        paths[name] = path
    return paths


def _differences(then: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Packages whose version is another: then and now."""
    now = installed_packages()
    return {
        name: (then.get(name, ""), now.get(name, ""))
        for name in sorted({*then, *now} - {_OWN})
        if then.get(name) != now.get(name)
    }


def _environment(packages: Mapping[str, str], folder: Path) -> str:
    """A Python that has these packages; from pip's own sources and cache."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = str(folder / "bin" / "python")
    wanted = [f"{name}=={version}" for name, version in packages.items() if name != _OWN]
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(wanted), "utf-8")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-3:])
        raise PermanentError(
            f"The packages of then cannot be installed ({last[:500]}).",
            "Leave --recreate-packages out, to use those that are here.",
        )
    return python


def _run(
    recipe: Recipe, paths: Mapping[str, Path], folder: Path, python: str, code: Path | None
) -> dict[str, float]:
    """The figures of the entry point."""
    request, answer = folder / "request.json", folder / "answer.json"
    filled = _filled(recipe.arguments, paths, folder)
    content = {
        "entry_point": recipe.entry_point,
        "arguments": filled,
        "seeds": recipe.seeds,
    }
    request.write_text(json.dumps(content), "utf-8")
    # The folder of the package that runs here comes last: it is what is used if no other is.
    known = [str(code) if code else "", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    known.append(str(Path(__file__).parents[3]))
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, known)),
        "PYTHONHASHSEED": str(recipe.seeds.get("python", 0)),
    }
    command = [python, "-m", f"{_PACKAGE}.services.experiment.rerun", str(request), str(answer)]
    log = folder / "log.txt"
    with log.open("wb") as stream:
        done = subprocess.run(
            command, cwd=folder, env=env, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not answer.is_file():
        last = "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-_LAST_LINES:])
        raise PermanentError(f"{recipe.entry_point} failed:\n{last}", "Mend what it says.")
    figures: dict[str, float] = json.loads(answer.read_text("utf-8"))
    return figures


def _filled(value: Any, paths: Mapping[str, Path], folder: Path) -> Any:
    """Arguments with the paths of files and folders."""
    if isinstance(value, dict):
        if set(value) == {"$data"}:
            return str(paths[value["$data"]])
        if set(value) == {"$folder"}:
            made = folder / "folders" / safe_name(value["$folder"])
            made.mkdir(parents=True, exist_ok=True)
            return str(made)
        return {name: _filled(inner, paths, folder) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, paths, folder) for inner in value]
    return value


def _figure(name: str, recorded: float | None, again: float, recipe: Recipe) -> Figure:
    tolerance = recipe.tolerances.get(name, recipe.tolerance)
    value = finite(again)
    if recorded is None or value is None:
        return Figure(name, recorded, value, tolerance.absolute, False)
    allowed = tolerance.absolute + tolerance.relative * abs(recorded)
    return Figure(name, recorded, value, allowed, tolerance.allows(recorded, value))
