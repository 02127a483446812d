"""Figures made again: from the same data, code, packages and seeds, or told why not."""

from __future__ import annotations

import json
import random
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError
from jarvis_dagster.services.experiment import code_of_then, reproduction
from jarvis_dagster.services.experiment.code_version import (
    CodeVersion,
    code_version,
    sources_sha256,
    uncommitted_changes,
)
from jarvis_dagster.services.experiment.recipe import DataRef, Recipe, Tolerance
from jarvis_dagster.services.files import sha256_file
from tests.experiments.recipes import count

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.experiment import JarvisExperimentService

COUNT = "tests.experiments.recipes:count"


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n3.5\n")
    return path


def recipe_of(numbers: Path, **changes: Any) -> Recipe:
    ref = DataRef("stored", "1" * 32, sha256_file(numbers), numbers.name)
    arguments = {"data": {"$data": "numbers"}, "weight": 2.0, "out": {"$folder": "out"}}
    return Recipe(COUNT, arguments, {"numbers": ref}, {"python": 11}, **changes)


def made(service: JarvisExperimentService, numbers: Path, recipe: Recipe) -> str:
    random.seed(recipe.seeds["python"])
    with service.run("made again", {"weight": 2.0}, name="made") as log:
        log.metrics(count(str(numbers), 2.0, str(numbers.parent)))
        log.recipe(recipe)
    return log.run_id


def test_the_figures_agree(database: JarvisExperimentService, numbers: Path) -> None:
    run_id = made(database, numbers, recipe_of(numbers))
    told: list[str] = []
    found = database.reproduce(
        run_id, lambda ref, path: path.write_bytes(numbers.read_bytes()), told=told.append
    )
    assert found.agrees
    assert {one.name: one.again for one in found.figures}["sum"] == 13.0
    assert found.same_code
    assert found.packages == {}
    assert (found.data, found.seeds) == (("numbers",), {"python": 11})
    assert any("what runs here" in text for text in told)
    assert database.run_facts(run_id).tags["jarvis.reproduced"] == "yes"
    again = next(r for r in database.runs("made again") if r.name == "made again")
    assert again.tags["mlflow.parentRunId"] == run_id
    assert database.read_json(again.run_id, "reproduction.json")["agrees"]


def test_what_differs_is_told(
    database: JarvisExperimentService, numbers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = {"luck": Tolerance(absolute=1.0)}
    run_id = made(database, numbers, recipe_of(numbers, tolerances=loose))
    database.log_metrics({"sum": 13.1}, run_id=run_id)
    monkeypatch.setattr(
        reproduction, "installed_packages", lambda: {"numpy": "0.1", "jarvis-dagster": "9"}
    )

    def fetch(_: DataRef, path: Path) -> None:
        path.write_bytes(numbers.read_bytes())

    found = database.reproduce(run_id, fetch)
    verdicts = {one.name: one.agrees for one in found.figures}
    assert verdicts == {"sum": False, "luck": True, "own": True}
    assert not found.agrees
    assert found.packages["numpy"][1] == "0.1"
    assert "jarvis-dagster" not in found.packages
    assert database.run_facts(run_id).tags["jarvis.reproduced"] == "no"

    numbers.write_text("1\n2\n4\n")
    with pytest.raises(BadInputError, match="not what the run was made from"):
        database.reproduce(run_id, fetch)
    failed = next(r for r in database.runs("made again") if r.status == "FAILED")
    assert failed.tags["mlflow.parentRunId"] == run_id


def test_what_cannot_be_made_again(database: JarvisExperimentService, numbers: Path) -> None:
    with database.run("made again") as log:
        for wrong in ("os.system", "no.such.module:f", "tests.experiments.recipes:nothing", "a;b"):
            with pytest.raises(BadInputError, match="not an entry point"):
                log.recipe(Recipe(wrong, {}))
    with pytest.raises(NotSupportedError, match="recorded no recipe"):
        database.reproduce(log.run_id, lambda ref, path: None)
    with database.run("made again") as log:
        log.recipe(Recipe("tests.experiments.recipes:fail", {"what": "it broke"}))
    with pytest.raises(PermanentError, match="ValueError: it broke"):
        database.reproduce(log.run_id, lambda ref, path: None)


def git(folder: Path, *words: str) -> str:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *name, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_code_of_then_is_checked_out_with_its_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    package = repository / "jarvis_dagster"
    package.mkdir(parents=True)
    git(repository, "init", "-q")
    (package / "a.py").write_text("NUMBER = 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "first")
    (package / "a.py").write_text("NUMBER = 2\n")
    (package / "ü b.py").write_text("NEW = True\n")
    then = code_version(package)
    assert then.dirty
    assert then.commit == git(repository, "rev-parse", "HEAD")
    patch = tmp_path / "changes.patch"
    patch.write_bytes(uncommitted_changes(package).encode("utf-8", "surrogateescape"))
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "second")
    (package / "a.py").write_text("NUMBER = 3\n")

    now = CodeVersion("9", git(repository, "rev-parse", "HEAD"), True, sources_sha256(package))
    monkeypatch.setattr(code_of_then, "code_version", lambda: now)
    monkeypatch.setattr(code_of_then, "repository_of", lambda: repository)
    with code_of_then.CodeOfThen(then.to_json(), tmp_path / "then") as code:
        code.prepare(lambda path: patch)
        assert code.same
        assert code.path is not None
        assert (code.path / "jarvis_dagster" / "a.py").read_text() == "NUMBER = 2\n"
        assert (code.path / "jarvis_dagster" / "ü b.py").is_file()
        assert "with the changes recorded" in code.words
    assert not (tmp_path / "then").exists()
    assert git(repository, "worktree", "list").count("\n") == 0

    monkeypatch.setattr(code_of_then, "repository_of", lambda: None)
    with code_of_then.CodeOfThen(then.to_json(), tmp_path / "then") as code:
        code.prepare(lambda path: patch)
        assert (code.same, code.path) == (False, None)
        assert "is not to be had here; version 9 was used instead" in code.words


def test_the_packages_of_then_can_be_installed(
    database: JarvisExperimentService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    name = "jarvis_sample_of_tests"
    with zipfile.ZipFile(wheels / f"{name}-1.5-py3-none-any.whl", "w") as wheel:
        info = f"{name}-1.5.dist-info"
        wheel.writestr(f"{name}/__init__.py", "NUMBER = 1.5\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    recipe = Recipe("tests.experiments.recipes:depend", {})
    with database.run("made again", name="with packages") as log:
        log.metrics({"version": 1.5})
        log.recipe(recipe)
        document = database.read_json(log.run_id, "reproduce/recipe.json")
        document["packages"] = {name.replace("_", "-"): "1.5"}
        log.json("recipe", document, "reproduce")
    with pytest.raises(PermanentError, match="No module named"):
        database.reproduce(log.run_id, lambda ref, path: None)
    found = database.reproduce(log.run_id, lambda ref, path: None, recreate_packages=True)
    assert found.agrees
    assert found.packages == {}
    assert json.dumps(found.to_json())
