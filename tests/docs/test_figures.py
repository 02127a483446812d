"""Every measured figure of the documents stands beside the command that prints it.

That the figure is what the command prints nobody can test here, as most of them take minutes and
footage. What is tested: each section with measured figures, in a table or in running text, names a
command, and each command that is named is one: the file is there, and its parser knows the options,
their choices, and lacks none that it wants.
"""

import ast
import functools
import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
CARDS = sorted((ROOT / "jarvis_dagster").rglob("MODEL_CARD.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *CARDS]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))

SET_BY_US = {
    ("review.md", "sign"),
    ("autopilot.md", "part"),
}
"""Tables of numbers that are chosen, not measured: page, and what the first column is called."""

HEADING = re.compile(r"^(?:#{1,6} |\*\*[A-Z]\. )", re.MULTILINE)
COMMAND = re.compile(r"\bbenchmarks[/.]\w+|\bjarvis evaluate \w+|python -m jarvis_dagster\.hockey")
BY_NAME = re.compile(
    r"(?:AP50|HOTA|IDF1|\bF1|macro-F1|recall|precision)\b[^.;:|]{0,60}?"
    r"(?<![\w.])(?<!IoU )[+-]?\d*\.\d"
)
MEASURED = re.compile(
    BY_NAME.pattern
    + r"|\d (?:core-)?(?:ms|milliseconds|µs)\b|\d core-(?:seconds|minutes)|\d frames/s"
    r"|\d (?:ft|px|%|s)\b[^.;|]{0,40}\b(?:in the median|percentile)"
)
FILLING = re.compile(r"[\d.,;+−±/()×%*~ -]|\b(?:to|of|within|core|s|ms|µs|ft|MiB|points)\b")  # noqa: RUF001


class Section(NamedTuple):
    """What stands below one heading, without code that is not a command."""

    page: str
    text: str


def sections(page: Path) -> list[Section]:
    """The parts of a page, each with its heading."""
    text = page.read_text("utf-8")
    plain = re.sub(r"```.*?```", lambda block: re.sub(r"(?m)^#", " #", block[0]), text, flags=re.S)
    starts = [0, *(found.start() for found in HEADING.finditer(plain)), len(plain)]
    return [Section(page.name, plain[a:b]) for a, b in itertools.pairwise(starts)]


def tables(text: str) -> list[list[list[str]]]:
    """Rows of cells of each table, the header first."""
    found = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    rows = [[line.strip().strip("|").split("|") for line in one.splitlines()] for one in found]
    return [[cells for cells in one if set("".join(cells)) - set("-: ")] for one in rows]


def is_figure(cell: str) -> bool:
    """Whether a cell is a measured number, with a unit perhaps; plain integers are not."""
    bare = cell.replace("`", "").strip()
    return bool(re.search(r"\.\d|\d (?:%|s|ms|of)\b|\d %", bare)) and not FILLING.sub("", bare)


def figures(section: Section) -> list[str]:
    """What in it was measured."""
    found = []
    for header, *rows in tables(section.text):
        cells = [cell for row in rows for cell in row[1:] if cell.strip(" -")]
        chosen = (section.page, header[0].strip()) in SET_BY_US
        if not chosen and 3 * sum(map(is_figure, cells)) > len(cells):
            found.append("table of" + ",".join(header).rstrip())
    prose = re.sub(r"(?m)^\|.*$|(?s:```.*?```)", "", section.text).replace("\n", " ")
    return found + [match[0] for match in MEASURED.finditer(prose)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_figure_has_a_command(page: Path) -> None:
    alone = [
        (section.text.splitlines()[0], figures(section))
        for section in sections(page)
        if figures(section) and not COMMAND.search(section.text)
    ]
    assert alone == [], "name the command that prints them, or take them out"


SOURCES = sorted((ROOT / "jarvis_dagster").rglob("*.py"))


def test_no_docstring_states_a_figure_without_a_command() -> None:
    """Where code says why it is as it is, a figure ages as anywhere else."""
    alone = []
    for source in SOURCES:
        for text in re.findall(r'"""(.*?)"""', source.read_text("utf-8"), re.DOTALL):
            stated = BY_NAME.search(re.sub(r"\s+", " ", text))
            if stated and not COMMAND.search(text):
                alone.append(f"{source.name}: {stated[0]}")
    assert alone == [], "name the command that prints them, or take them out"


class Parser(NamedTuple):
    """What a benchmark's argparse takes."""

    options: dict[str, set[str] | None]
    """Each option with what it may be; None: anything."""
    required: set[str]
    positional: int
    """How many words without an option it wants at least."""


@functools.cache
def parser_of(file: Path) -> Parser:
    """Read from the source, as starting fifty programs for their ``--help`` would be slow."""
    made = Parser({}, set(), 0)
    positional = 0
    for call in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"):
            continue
        names = [one.value for one in call.args if isinstance(one, ast.Constant)]
        given = {word.arg: word.value for word in call.keywords}
        choices = None
        if isinstance(given.get("choices"), ast.List | ast.Tuple):
            choices = {one.value for one in given["choices"].elts}
        if not names[0].startswith("-"):
            optional = isinstance(given.get("nargs"), ast.Constant) and given["nargs"].value in "?*"
            positional += not optional
            continue
        for name in names:
            made.options[name] = choices
        if "required" in given:
            made.required.add(names[0])
    return made._replace(positional=positional)


CALLED = re.compile(
    r"(?P<python>python (?:-m )?)?(?<![\w./])"
    r"(?P<name>benchmarks[/.]\w+|(?<=python -m )jarvis_dagster\.hockey[\w.]*)"
    r"(?:\.py)?(?!\.csv)\b(?P<words>(?: +[^`|\s#]+)*)"
)


def called(text: str) -> list[re.Match[str]]:
    """The commands in code blocks, a line each, and in running text between backquotes."""
    joined = re.sub(r"\\\n\s*", "", text)
    blocks = [
        line for one in re.findall(r"```\w*\n(.*?)```", joined, re.S) for line in one.splitlines()
    ]
    blocks += [line for line in joined.splitlines() if re.match(r" {4,}python ", line)]
    running = re.sub(r"```.*?```", "", joined, flags=re.S)
    blocks += [re.sub(r"\s+", " ", one) for one in re.findall(r"`([^`]+)`", running)]
    return [found for line in blocks for found in CALLED.finditer(line)]


def faults(found: re.Match[str]) -> list[str]:
    """What is wrong with a command; where only a file is named, whether it is there."""
    path = ROOT / found["name"].removesuffix(".py").replace(".", "/")
    file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return [f"{found['name']} is not there"]
    parser = parser_of(file)
    wrong, given, free, option = [], set(), 0, ""
    for word in shlex.split(found["words"]):
        if word.startswith("--"):
            option = word
            given.add(word)
            if word not in parser.options:
                wrong.append(f"{file.name} has no {word}")
            continue
        choices = parser.options.get(option)
        if choices is not None and not word.isupper() and word not in choices:
            wrong.append(f"{file.name}: {option} cannot be {word}")
        free += not option
    if found["python"] and (given or free):
        wrong += [f"{file.name} wants {one}" for one in sorted(parser.required - given)]
    return wrong


@pytest.mark.parametrize("page", [*PAGES, *BENCHMARKS], ids=lambda page: page.name)
def test_every_command_that_is_named_is_one(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    assert [fault for one in called(text) for fault in faults(one)] == []


def test_a_figure_without_a_command_and_a_wrong_command_are_seen() -> None:
    table = "## How well\n| | AP50 |\n|---|---|\n| ours | .91 |\n| theirs | .85 |\n"
    assert figures(Section("a.md", table)) == ["table of , AP50"]
    assert figures(Section("a.md", "Of HOTA it has .72, and takes 3 ms.")) == [
        "HOTA it has .7",
        "3 ms",
    ]
    assert figures(Section("a.md", "| port | |\n|---|---|\n| a | 8333 |\nIoU of 0.5 counts.")) == []
    text = "`python benchmarks/clips.py --model FILE --deep` and `benchmarks/gone.py`"
    assert [fault for one in called(text) for fault in faults(one)] == [
        "clips.py has no --deep",
        "clips.py wants --clips",
        "benchmarks/gone is not there",
    ]
    (one,) = called("```sh\npython benchmarks/new_rink.py --work DIR \\\n  --rinks green\n```")
    assert faults(one) == []
