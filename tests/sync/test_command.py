"""`jarvis drive sync`: which folders are meant, what is printed, the exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from jarvis_dagster.commands.sync import sync_command
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(sync_command)
    return CliRunner().invoke(app, list(arguments), terminal_width=200)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "plan.txt").write_text("plan")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*.txt")
        if ".jarvis" not in path.parts and "jarvis-sync" not in path.name
    }


def test_a_folder_and_a_drive_come_into_step(here: Path) -> None:
    drive = load_settings().data_dir / "drive"
    done = run("local:Season/2026", str(here))
    assert done.exit_code == 0, done.output
    assert "plan.txt" in done.output
    assert files(drive / "Season/2026") == {"plan.txt": "plan"}
    (drive / "Season/2026/plan.txt").write_text("changed")
    (here / "new.txt").write_text("new")
    report = json.loads(run("local:Season/2026", str(here), "--json").stdout)
    assert (report["status"], report["counts"]) == ("ok", {"replace": 1, "copy": 1})
    assert files(here) == files(drive / "Season/2026") == {"plan.txt": "changed", "new.txt": "new"}
    again = run("Season/2026", str(here))
    assert (again.exit_code, again.stdout) == (0, "ok: 2 files\n")


def test_names_that_are_others_there_are_told(here: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (here / "a:b.txt").write_text("1")
    (here / "a?b.txt").write_text("2")
    done = run(str(here), str(tmp_path / "there"))
    said = "Side B has a_b.txt for a:b.txt, whose name it cannot hold, and 1 more such"
    assert said in " ".join(done.stdout.split())
    report = json.loads(run(str(here), str(tmp_path / "there"), "--json").stdout)
    assert ["b", "a?b.txt", "a_b (f8e3).txt"] in report["aliases"]


def test_a_dry_run_changes_nothing(here: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    done = run(str(here), str(tmp_path / "there"), "--dry-run")
    assert done.exit_code == 0
    assert "to do: 1 copy" in done.stdout
    assert list((tmp_path / "there").iterdir()) == []


def test_a_stop_names_the_reason_and_has_an_exit_code(here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for number in range(9):
        (here / f"{number}.txt").write_text("x")
    assert run(str(here), str(there)).exit_code == 0
    for path in here.glob("?.txt"):
        path.unlink()
    done = run(str(here), str(there))
    assert done.exit_code == 1
    assert "9 of 10 files were deleted" in done.stdout.replace("\n", " ")
    assert "--force-deletes" in done.stdout
    assert len(files(there)) == 10
    assert run(str(here), str(there), "--force-deletes").exit_code == 0
    assert len(files(there)) == 1


def test_patterns_and_sizes_are_options(here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (here / "big.txt").write_text("x" * 5000)
    (here / "left.txt").write_text("left")
    (here / "notes.md").write_text("notes")
    options = ("--include", "*.txt", "--exclude", "left*", "--max-mb", "0.004")
    assert run(str(here), str(there), *options).exit_code == 0
    assert files(there) == {"plan.txt": "plan"}
    assert not (there / "notes.md").exists()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("local:X", "local:X/Y"),
        ("local:", "local:X"),
        ("local:X", "X/"),
        ("s3://bucket/x", "s3://bucket/x/y"),
        ("./x", "./x/../x/y"),
    ],
)
def test_a_folder_is_not_synchronised_with_itself(a: str, b: str) -> None:
    error = run(a, b).exception
    assert isinstance(error, BadInputError)
    assert "one folder" in str(error)


def test_the_drive_and_its_own_folder_are_one(tmp_path: Path) -> None:
    drive = load_settings().data_dir / "drive"
    error = run("local:X", str(drive / "X/Y")).exception
    assert isinstance(error, BadInputError)


def test_a_folder_that_disappeared_is_not_made_again(here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    assert run(str(here), str(there)).exit_code == 0
    there.rename(tmp_path / "away")
    assert isinstance(run(str(here), str(there)).exception, BadInputError)
    assert not there.exists()
