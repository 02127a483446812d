"""From games in the store to a team's folder: once a week, and true to what was put in."""

from __future__ import annotations

import ctypes.util
import datetime
import json
import re
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.hockey.report.figures import figures_of, own_side, played_on
from jarvis_dagster.reporting import pages
from jarvis_dagster.reporting.games import games_of, team_of
from jarvis_dagster.reporting.weekly import PLATFORM, Made, WeeklyReports, make_all
from jarvis_dagster.reporting.weeks import Week
from jarvis_dagster.settings import Settings
from tests.reporting.conftest import BLUE, WHITE, _report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reporting.conftest import Club

WEEK = Week.parse("2026-W46")  # 9 to 15 November
DAY = datetime.date


needs_pango = pytest.mark.skipif(
    not ctypes.util.find_library("pangoft2-1.0"),
    reason="Pango is not installed (apt-get install libpangoft2-1.0-0)",
)


def reports(club: Club, out: Path, week: Week = WEEK) -> WeeklyReports:
    return WeeklyReports(week, club.settings, club.core, club.instance, out)


def around_now() -> Week:
    """Seven days with today in their middle: no midnight parts what a test records."""
    today = datetime.datetime.now(datetime.UTC).date()
    return Week(today - datetime.timedelta(days=3))


def figure(made: Made, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in made.numbers["figures"] if row["name"] == name)
    return found


@pytest.fixture
def season(club: Club) -> Club:
    """Shots rise by 0.12 a game (about 1 a month), nothing else; last season was level."""
    level = {"entries": (18.0, 0.0), "pace": (0.8, 0.0)}
    club.season(DAY(2025, 9, 5), 12, shots=(6.0, 0.0), **level)
    club.season(DAY(2026, 9, 4), 21, shots=(6.0, 0.12), **level)
    return club


@needs_pango
def test_a_team_is_told_of_what_moved_and_of_nothing_else(season: Club, tmp_path: Path) -> None:
    made = reports(season, tmp_path / "out").make("u18")
    shots, entries = figure(made, "shots"), figure(made, "zone_entries")
    assert (shots["kind"], shots["direction"]) == ("slope", "better")
    assert shots["slope"]["low"] < 0.12 / 3.5 * 30.4375 < shots["slope"]["high"]
    assert (entries["kind"], entries["direction"]) == ("none", "")
    assert made.numbers["games_of_season"] == 21
    assert [game["day"] for game in made.numbers["games_of_week"]] == ["2026-11-09", "2026-11-13"]
    assert made.numbers["not_supported"] == ["Line changes"]
    page = made.files["report.html"].read_text("utf-8")
    assert "Rising by" in page
    assert not re.search(r"<script|https?://", page.replace("http://www.w3.org", ""))
    pdf = PdfReader(made.files["report.pdf"])
    told = pdf.pages[0].extract_text()  # the pictures of the others take long to read
    assert "Shots" in told
    assert "2026-11-13 u18 game 20" in " ".join(told.split())
    sheet = made.files["figures.csv"].read_text("utf-8").splitlines()
    assert sheet[0] == "figure,unit,day,value"
    assert sum(row.startswith("shots,") for row in sheet) == 33


@needs_pango
@pytest.mark.timeout(900)  # three PDFs, on a busy machine
def test_the_same_week_is_one_report(season: Club, tmp_path: Path) -> None:
    storage, drive = season.core.storage_service, season.settings.data_dir / "drive"
    first = make_all(reports(season, tmp_path / "a"), ["u18"], keep=True, tell=lambda _: None)[0]
    folder = drive / "Jarvis AI/Reports/u18/2026-W46"
    names = {"report.html", "report.pdf", "report.json", "figures.csv", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    season.game("2026-11-18 u18 later", shots=30.0)  # of another week: it changes nothing
    again = make_all(reports(season, tmp_path / "b"), ["u18"], keep=True, tell=lambda _: None)[0]
    assert again.ids == first.ids
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    season.game("2026-11-12 u18 found", shots=7.0)
    third = make_all(reports(season, tmp_path / "c"), ["u18"], keep=True, tell=lambda _: None)[0]
    assert third.ids["report.html"] != first.ids["report.html"]
    assert {path.name for path in folder.iterdir()} == names
    kept = storage.list_stored("reports", "holmes")
    assert len([item for item in kept if item["name"] == "weekly 2026-W46 u18 report.html"]) <= 2
    assert all(item["metadata"]["team"] == "u18" for item in kept)


def test_what_a_reader_has_to_know_is_said(club: Club, tmp_path: Path) -> None:
    club.game("2026-11-10 Tigers", "u16")
    club.game("2026-11-11 Bears", "u16", minutes=2)
    club.game("Lions", "u16")
    club.game("2026-11-12 <i>Wolves & co", "u18", kits=(BLUE, (150, 70, 30)))
    some = reports(club, tmp_path, around_now())
    assert some.about() == ["u16", "u18", PLATFORM]
    notes = " ".join(some.make("u16").numbers["notes"])
    assert "1 video shorter than 5 minutes is listed" in notes
    assert "1 video has no date" in notes
    assert "colours of its kits" in notes
    early = reports(club, tmp_path).make("u18")
    assert "figures are of both teams" in " ".join(early.numbers["notes"])
    assert early.numbers["figures"][0]["kind"] == "few"
    page = early.files["report.html"].read_text("utf-8")
    assert "<i>Wolves" not in page
    assert "&lt;i&gt;Wolves &amp; co" in page
    with pytest.raises(BadInputError, match="There are: platform, u16, u18"):
        some.make("u20")


def test_the_platform_tells_runs_failures_and_what_is_missing(club: Club, tmp_path: Path) -> None:
    key = club.game("2026-11-10 Tigers")

    @dg.op(name="spotlight__tracks")
    def tracks(context) -> None:
        if context.run.tags["jarvis/fails"] == "yes":
            raise dg.Failure(description="The disk was full. Free some.", allow_retries=False)

    @dg.job(name="process_video")
    def process_video() -> None:
        tracks()

    for fails in ("no", "yes", "yes"):
        process_video.execute_in_process(
            instance=club.instance,
            raise_on_error=False,
            tags={"dagster/partition": key, "jarvis/fails": fails},
        )
    club.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            ["spotlight", "corrections"], partition=key, metadata={"corrections": 3}
        )
    )
    week = around_now()
    made = reports(club, tmp_path, week).make(PLATFORM)
    numbers = made.numbers["this_week"]
    assert numbers | {"speed": 0, "stored_gb": 0} == {
        "videos": 1,
        "hours": 1.03,
        "runs": 3,
        "failed": 2,
        "failed_share": 66.67,
        "speed": 0,
        "corrections": 3,
        "stored_gb": 0,
    }
    assert numbers["stored_gb"] is not None
    (failure,) = made.numbers["failures"]
    assert failure == {
        "asset": "spotlight/tracks",
        "error": "The disk was full. Free some.",
        "times": 2,
        "video": key,
    }
    assert any("MLflow" in note for note in made.numbers["notes"])  # there is none here
    assert "The disk was full" in made.files["report.html"].read_text("utf-8")


def test_without_pango_the_page_is_made_all_the_same(
    club: Club, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    real = builtins.__import__

    def broken(name: str, *rest: Any, **named: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *rest, **named)

    club.game("2026-11-10 Tigers")
    monkeypatch.setattr(builtins, "__import__", broken)
    made = reports(club, tmp_path).make("u18")
    assert set(made.files) == {"report.html", "report.json", "figures.csv"}
    assert "Pango" in made.note


@needs_pango
def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "secret.svg"
    outside.write_text("<svg xmlns='http://www.w3.org/2000/svg'><text>secret</text></svg>")
    page = f"<p>here</p><img src='{outside.as_uri()}'><img src='http://127.0.0.1:9/x.png'>"
    pdf = PdfReader(pages.write_pdf(page, tmp_path / "x.pdf"))
    told = pdf.pages[0].extract_text()
    assert "here" in told
    assert "secret" not in told


def test_whose_a_video_is() -> None:
    settings = Settings.model_validate(
        {
            "reports": {"teams": {"First": {"videos": ["elite/*", "*_A1_*"]}}},
            "security": {"drive_teams": {"north": "North"}},
        }
    )
    for path, drive, team in (
        ("Jarvis AI/Uploads/elite/x.mp4", "local", "First"),
        ("Jarvis AI/Uploads/2026_A1_x.mp4", "north", "First"),
        ("Jarvis AI/Uploads/u12/x.mp4", "north", "North"),
        ("Jarvis AI/Uploads/u12/cup/x.mp4", "local", "u12"),
        ("Jarvis AI/Uploads/x.mp4", "local", "club"),
        ("elsewhere/x.mp4", "local", "club"),
    ):
        assert team_of(path, drive, settings) == team


def test_which_side_is_told_by_kits_or_not_at_all() -> None:
    seen = {"A": BLUE, "B": WHITE}
    assert own_side(seen, ["white", "red"]) == "B"
    assert own_side(seen, ["#1a3f8c"]) == "A"
    assert own_side(seen, []) == ""
    assert own_side({"A": WHITE, "B": (215, 220, 230)}, ["white"]) == ""
    assert own_side({"A": WHITE}, ["white"]) == ""
    with pytest.raises(BadInputError, match="whiteish"):
        own_side(seen, ["whiteish"])


def test_dates_of_games_are_in_their_names() -> None:
    for name, day in (
        ("2026-11-14 Tigers", DAY(2026, 11, 14)),
        ("u18_20261114_tigers", DAY(2026, 11, 14)),
        ("game 14 vs 2026", None),
        ("2026-02-31", None),
        ("IMG_120261114", None),
    ):
        assert played_on(name) == day


def test_what_footage_does_not_support_is_no_zero() -> None:
    report = _report("x", 60, {"shots": 6})
    assert figures_of(report, "A")["shots"] == pytest.approx(6)
    assert figures_of(report, "A")["line_changes"] is None
    assert figures_of(report, "")["shots"] is None
    assert figures_of(report, "")["shots_of_both"] == pytest.approx(14)
    report["events"].append({"type": "shot", "team": "", "start_s": 0, "end_s": 1})
    assert figures_of(report, "A")["shots"] is None
    report["teams"][0]["zone_time_s"] = None
    assert figures_of(report, "A")["attack_share"] is None


def test_weeks() -> None:
    week = Week.parse("2026-w01")
    assert (week.monday, week.sunday) == (DAY(2025, 12, 29), DAY(2026, 1, 4))
    assert str(week) == "2026-W01"
    assert str(week.back(1)) == "2025-W52"
    assert str(Week.last(DAY(2026, 11, 30))) == "2026-W48"
    assert DAY(2026, 1, 4) in week
    for text in ("2026-W54", "W48", "2026-11-30", ""):
        with pytest.raises(BadInputError, match="2026-W48"):
            Week.parse(text)


@needs_pango
def test_the_asset_and_its_schedule(season: Club, tmp_path: Path) -> None:
    from jarvis_dagster.assets.holmes_weekly import weekly_reports
    from jarvis_dagster.resources.services import NotificationResource, StorageResource
    from jarvis_dagster.schedules import report_schedules

    done = dg.materialize(
        [weekly_reports],
        resources={"storage": StorageResource(), "notifications": NotificationResource()},
        instance=season.instance,
        partition_key=WEEK.monday.isoformat(),
    )
    (event,) = done.asset_materializations_for_node("holmes__weekly_reports")
    table = event.metadata["reports"].value
    assert [row.data["report"] for row in table.records] == ["u18", "platform"]  # type: ignore[union-attr]
    kept = season.core.storage_service.list_stored("reports", "holmes")
    assert "weekly 2026-W46 platform report.pdf" in {item["name"] for item in kept}
    (schedule,) = report_schedules(season.settings.reports)
    context = dg.build_schedule_context(
        instance=season.instance,
        scheduled_execution_time=datetime.datetime(2026, 11, 30, 5, tzinfo=datetime.UTC),
    )
    request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == request.run_key == "2026-11-23"
    off = season.settings.reports.model_copy(update={"schedule": None})
    assert report_schedules(off) == []


@needs_pango
def test_the_command_writes_without_storing(
    club: Club, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import contextlib

    from jarvis_dagster.cli import app
    from jarvis_dagster.commands import upload

    club.game("2026-11-10 Tigers")
    monkeypatch.setattr(upload, "dagster_instance", lambda _: contextlib.nullcontext(club.instance))
    asked = ["report", "weekly", "--week", "2026-W46", "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(app, [*asked, "--team", "u18", "--json"])
    assert told.exit_code == 0, told.output
    (row,) = json.loads(told.stdout)
    assert row["numbers"]["team"] == "u18"
    assert (tmp_path / "out/2026-W46/u18/report.pdf").is_file()
    assert club.core.storage_service.list_stored("reports") == []
    told = CliRunner().invoke(app, [*asked, "--week", "soon"])
    assert isinstance(told.exception, BadInputError)


def test_a_video_without_a_report_is_no_game(club: Club) -> None:
    key = club.game("2026-11-10 Tigers")
    days = {key: DAY(2026, 11, 11), "unfinished-000000000000": DAY(2026, 11, 11)}
    (game,) = games_of(club.core.storage_service, days, club.settings)
    assert (game.team, game.side, game.dated) == ("u18", "A", True)
    club.core.storage_service.close()
    with pytest.raises(PermanentError):
        club.core.storage_service.get_file("artifacts/none/x.json", club._path)
