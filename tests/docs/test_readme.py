"""The documents are true: commands exist, links lead somewhere, code runs."""

import re
import shlex
import subprocess
import textwrap
from pathlib import Path

import pytest
import typer
import yaml
from typer.main import get_command

from jarvis_dagster.cli import app
from jarvis_dagster.services.client_storage.consent import PlayerList
from jarvis_dagster.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text("utf-8")


def commands(page: Path, program: str) -> list[str]:
    """Lines of shell blocks that call a program."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split(" ")[0] == program]


ALL_JARVIS = [line for page in PAGES for line in commands(page, "jarvis")]


@pytest.mark.parametrize("line", ALL_JARVIS)
def test_every_jarvis_command_and_option_exists(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: object = get_command(app)
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), line
    known = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]
    assert {word for word in words if word.startswith("-")} <= known, line


def test_every_command_that_people_are_told_of_exists() -> None:
    """Pages in running text, and the remedies and help in the code."""
    top = get_command(app).commands  # type: ignore[attr-defined]
    unknown = set()
    for path in [*PAGES, *(ROOT / "jarvis_dagster").rglob("*.py")]:
        for name, second in re.findall(
            r"`jarvis ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", path.read_text("utf-8")
        ):
            inner = getattr(top.get(name), "commands", None)
            if name not in top or (inner and second and second not in inner):
                unknown.add(f"{path.name}: jarvis {name} {second}".strip())
    assert unknown == set()


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page, "make")])
def test_every_make_target_exists(line: str) -> None:
    target = shlex.split(line, comments=True)[1:]
    done = subprocess.run(
        ["make", "--dry-run", *target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_pages_by_reader_list_every_command_and_every_page() -> None:
    told = (ROOT / "docs" / "README.md").read_text("utf-8")
    words = set(re.findall(r"`(?:jarvis )?([a-z-]+)", told)) | set(
        re.findall(r"jarvis ([a-z]+)", README)
    )
    assert set(get_command(app).commands) - words == set()  # type: ignore[attr-defined]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - set(re.findall(r"\(([a-z]+\.md)", told)) == set()


def test_every_command_has_help() -> None:
    def walk(command: object, path: str) -> list[str]:
        inner = getattr(command, "commands", {})
        found = [] if command.help else [path]  # type: ignore[attr-defined]
        return found + [p for name, c in inner.items() for p in walk(c, f"{path} {name}")]

    assert isinstance(app, typer.Typer)
    assert walk(get_command(app), "jarvis") == []


def test_the_readme_uses_the_command_that_ci_uses() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "make test" in README


def test_the_readme_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    spec = GameSpec(seed=5, duration_s=1.0, width_px=640, height_px=360, fps=15)
    render_game(tmp_path, spec)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert len(names["people"]) > 0  # type: ignore[arg-type]


def test_the_calibration_page_makes_a_calibration_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_dagster.hockey.rink import Calibration

    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "calibration.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "calibration.md", "exec"), {})
    made = Calibration.load(tmp_path / "game.calibration.json")
    assert made.rink == "NHL"
    assert made.error_ft < 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_in_the_pages_are_settings(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for number, block in enumerate(blocks):
        text = re.sub(r"\$\{[^}]*\}", "a value from elsewhere", textwrap.dedent(block))
        content = yaml.safe_load(text)
        if "players" in content:
            (tmp_path / "players.yaml").write_text(text)
            assert PlayerList(tmp_path / "players.yaml").players()
            continue
        path = tmp_path / f"{number}" / "jarvis-core.yaml"
        path.parent.mkdir()
        for section, key in (("storage", "secret_key"), ("client_storage", "import_dir")):
            if section in content:  # a page shows the keys that it is about
                content[section].setdefault(key, "x")
        path.write_text(yaml.safe_dump(content))
        assert load_settings(path)
