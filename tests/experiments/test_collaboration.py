"""Comparing, noting, tagging and sharing runs, as people do it on the command line."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.comparison import thinned
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.installation import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.experiment import JarvisExperimentService
    from tests.servers import Server

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 10


class Jarvis(Protocol):
    def __call__(self, *words: object) -> tuple[int, str, str]: ...


@pytest.fixture
def jarvis(
    tmp_path: Path,
    object_store: Server,
    mlflow_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Jarvis:
    from jarvis_dagster import cli

    more = f"experiment: {{tracking_uri: '{mlflow_server.url}'}}"
    config = write_settings(tmp_path, object_store, more)
    monkeypatch.setenv("JARVIS_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "200")
    with core_services(load_settings()) as core:
        core.storage_service.ensure_buckets()

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["jarvis", "experiment", *map(str, words)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code if isinstance(code, int) else 0, out, err

    return run


@pytest.fixture(scope="module")
def two_runs(
    on_server: JarvisExperimentService, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Two runs with everything that a comparison shows."""
    folder = tmp_path_factory.mktemp("pictures")
    picture = folder / "missed 1.png"
    picture.write_bytes(PNG)
    (folder / "odd.png").write_bytes(b"<script>alert(1)</script>")
    ids = []
    for number, rate in enumerate((0.1, 0.2)):
        with on_server.run("compared", {"rate": rate, "steps": 3}, name=f"<run> {number}") as log:
            for step in range(5):
                log.metrics({"loss": 2.0 - number - step / 10, "ap50": step / 10}, step=step)
            log.metrics({"once": 5.0})
            log.confusion("roles", {"player": {"player": 9, "referee": 1}, "nobody": {"player": 2}})
            log.gallery("missed", [(picture, "a <missed> keeper"), (folder / "odd.png", "odd")])
        ids.append(log.run_id)
    return ids


def test_a_comparison_has_curves_confusion_and_errors(
    on_server: JarvisExperimentService, two_runs: list[str]
) -> None:
    first, second = two_runs
    found = on_server.compare_experiments(two_runs)
    assert found["parameters"] == {"rate": {first: "0.1", second: "0.2"}}
    assert set(found["curves"]) == {"loss", "ap50"}
    assert found["curves"]["loss"][second][-1] == [4, 0.6]
    assert found["confusions"]["roles"][first]["player"] == {"player": 9, "referee": 1}
    assert found["galleries"]["missed"][second][0] == {
        "picture": "missed 1.png",
        "caption": "a <missed> keeper",
    }
    assert found["runs"][first]["status"] == "FINISHED"


def test_the_page_needs_nothing_else_and_trusts_nobody(
    on_server: JarvisExperimentService, two_runs: list[str]
) -> None:
    page = on_server.comparison_page(on_server.compare_experiments(two_runs), title="<b>mine</b>")
    assert "<script" not in page
    assert "&lt;b&gt;mine" in page
    assert "&lt;run&gt; 0" in page
    assert page.count("data:image/svg+xml;base64,") == 2
    assert page.count("data:image/png;base64,") == 2
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "http" not in re.sub(r"data:[^\"]*", "", page)


def test_the_command_line(
    jarvis: Jarvis, two_runs: list[str], tmp_path: Path, on_server: JarvisExperimentService
) -> None:
    first, second = two_runs
    assert first[:12] in jarvis("list", "compared")[1]
    listed = json.loads(jarvis("list", "compared", "--json")[1])
    assert {run["run_id"] for run in listed} == {first, second}
    page = tmp_path / "compare.html"
    code, out, _ = jarvis("compare", first[:10], "<run> 1", "--out", page)
    assert code == 0
    assert "rate" in out
    assert "0.6 (-1) *" in out
    assert page.read_text("utf-8").startswith("<!doctype html>")

    assert jarvis("note", first, "Better on [glass]; see the pictures.")[0] == 0
    assert jarvis("note", first, "Agreed.")[0] == 0
    assert jarvis("tag", first, "rink=Riverside", "draft=1", "--owner", "anna")[0] == 0
    assert jarvis("tag", first, "draft=")[0] == 0
    out = jarvis("show", first)[1]
    assert "Better on [glass]; see the pictures." in out
    assert out.index("Better on") < out.index("Agreed.")
    assert "owner: anna" in out
    assert "Riverside" in out
    assert "draft" not in out
    description = on_server.run_facts(first).tags["mlflow.note.content"]
    assert "Better on" in description
    assert "Agreed." in description

    for wrong in (
        ("tag", first, "mlflow.user=me"),
        ("tag", first, "no value"),
        ("note", first, " "),
        ("show", "nobody's run"),
        ("compare", first),
        ("compare", first, "nobody's run"),
    ):
        code, _, err = jarvis(*wrong)
        assert code == 2, wrong
        assert "Error" in err


def test_a_shared_comparison_is_in_the_store_and_in_the_drive(
    jarvis: Jarvis, two_runs: list[str], tmp_path: Path
) -> None:
    code, out, err = jarvis("share", *two_runs, "--title", "Does ../it help?")
    assert code == 0, err
    again = jarvis("share", *two_runs, "--title", "Does ../it help?")[1]
    assert out.splitlines()[0] == again.splitlines()[0]
    drive = tmp_path / "data" / "drive"
    pages = list((drive / "Jarvis AI" / "Comparisons").rglob("*.html"))
    assert len(pages) == 1
    assert "Does ../it help?" in pages[0].read_text("utf-8")
    numbers = json.loads(pages[0].with_suffix(".json").read_text("utf-8"))
    assert set(numbers["runs"]) == set(two_runs)
    code, _, err = jarvis("share", *two_runs, "--with", "anna@example.org")
    assert code == 1
    assert "cannot share with people" in err


def test_many_notes_at_once_are_all_kept(on_server: JarvisExperimentService) -> None:
    import threading

    run_id = on_server.start_experiment("noted", {})
    on_server.end_experiment(run_id)
    threads = [
        threading.Thread(target=on_server.add_note, args=(run_id, f"note {n}", "test"))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {note.text for note in on_server.notes(run_id)} == {f"note {n}" for n in range(6)}
    with pytest.raises(BadInputError, match="cannot be kept"):
        on_server.add_note(run_id, "x" * 5000, "test")


def test_thinning_keeps_peaks() -> None:
    line = [(step, 0.0) for step in range(10_000)]
    line[5003] = (5003, 9.0)
    line[7000] = (7000, -9.0)
    thin = thinned(line)
    assert len(thin) <= 400
    assert [5003, 9.0] in thin
    assert [7000, -9.0] in thin
    assert thin[0] == [0, 0.0]
    assert thin[-1] == [9999, 0.0]
