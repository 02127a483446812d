"""A week's reports, made, kept and delivered.

Belongs here: from the services to files, once a week and team. Does not belong here: what a
report says, when it is made (``schedules``).
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError
from jarvis_dagster.reporting.games import games_of
from jarvis_dagster.reporting.pages import render, write_pdf
from jarvis_dagster.reporting.platform import platform_numbers
from jarvis_dagster.reporting.team import team_numbers, teams_of
from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dagster as dg

    from jarvis_dagster.hockey.trends import Finding
    from jarvis_dagster.reporting.games import Game
    from jarvis_dagster.reporting.weeks import Week
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["PLATFORM", "Made", "WeeklyReports", "make_all"]

PLATFORM = "platform"
_COMPONENT = "holmes"


@dataclasses.dataclass(frozen=True)
class Made:
    """One report.

    Attributes:
        about: The team, or :data:`PLATFORM`.
        files: Name and path, ``report.html`` first.
        ids: Of the stored files.
        folder: Where it was delivered to; empty for nowhere.
        note: What could not be made, for people.
    """

    about: str
    week: str
    numbers: dict[str, Any]
    files: dict[str, Path]
    ids: dict[str, str] = dataclasses.field(default_factory=dict)
    folder: str = ""
    note: str = ""


class WeeklyReports:
    """Makes reports of one week; the same week again replaces what is there, and adds nothing.

    Args:
        instance: Whose history of runs and videos is told.
        out: Where the files are written.
    """

    def __init__(
        self,
        week: Week,
        settings: Settings,
        core: JarvisCoreServices,
        instance: dg.DagsterInstance,
        out: Path,
    ) -> None:
        self.week = week
        self._settings = settings
        self._core = core
        self._instance = instance
        self._out = out
        self._games: list[Game] | None = None

    @property
    def games(self) -> list[Game]:
        """Every analysed video, read once."""
        if self._games is None:
            self._games = games_of(
                self._core.storage_service, _analysed(self._instance), self._settings
            )
        return self._games

    def about(self) -> list[str]:
        """The teams that get one, and the platform."""
        return [*teams_of(self.games, self.week, self._settings.reports), PLATFORM]

    def make(self, about: str) -> Made:
        """Write one report.

        Raises:
            BadInputError: there is no such team.
        """
        known = {*self._settings.reports.teams, *self.about()}
        if about not in known:
            raise BadInputError(
                f"There is no team {about!r} in the season of {self.week}.",
                f"There are: {', '.join(sorted(known))}.",
            )
        if about == PLATFORM:
            numbers, findings = platform_numbers(
                self.week,
                instance=self._instance,
                core=self._core,
                games=self.games,
                earlier=self._earlier(),
            )
        else:
            numbers, findings = team_numbers(about, self.games, self.week, self._settings.reports)
        return self._written(about, numbers, findings)

    def keep(self, made: Made) -> Made:
        """Store the files: one logical name a week and report, a new version where it differs."""
        metadata: dict[str, Any] = {"week": made.week, "report": made.about}
        if made.about != PLATFORM:
            metadata["team"] = made.about
        ids = {
            name: self._core.storage_service.store(
                "reports", path, metadata, _COMPONENT, name=_logical(made, name)
            )
            for name, path in made.files.items()
        }
        return dataclasses.replace(made, ids=ids)

    def deliver(self, made: Made) -> Made:
        """Put the files where the team finds them; the platform's only where settings say so."""
        place = self._place(made.about)
        if place is None:
            return made
        drive_name, path = place
        drive = self._core.client_storage_service.drive(drive_name)
        parent = None
        for part in (*path.split("/"), made.week):
            parent = drive.create_folder(safe_name(part), parent).id
        self._core.client_storage_service.export_results(
            made.files,
            drive_name,
            parent,
            component=_COMPONENT,
            complete=True,
            about={"report": made.about, "week": made.week},
        )
        return dataclasses.replace(made, folder=f"{drive_name}:{path}/{made.week}")

    def _place(self, about: str) -> tuple[str, str] | None:
        reports, drive = self._settings.reports, self._settings.drive
        if about == PLATFORM:
            folder = reports.platform_folder
            return (drive.name, folder.strip("/")) if folder else None
        team = reports.teams.get(about)
        folder = (team.folder if team else None) or f"{drive.root}/Reports/{about}"
        return ((team.drive if team else None) or drive.name, folder.strip("/"))

    def _written(self, about: str, numbers: dict[str, Any], findings: list[Finding]) -> Made:
        folder = self._out / str(self.week) / safe_name(about)
        folder.mkdir(parents=True, exist_ok=True)
        page = render(numbers, findings)
        files = {"report.html": folder / "report.html"}
        files["report.html"].write_text(page, "utf-8")
        note = ""
        if self._settings.reports.pdf:
            try:
                files["report.pdf"] = write_pdf(page, folder / "report.pdf")
            except NotSupportedError as error:
                note = str(error)
        files["report.json"] = folder / "report.json"
        text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
        files["report.json"].write_text(text + "\n", "utf-8")
        files["figures.csv"] = _sheet(findings, folder / "figures.csv")
        return Made(about, str(self.week), numbers, files, note=note)

    def _earlier(self) -> dict[str, dict[str, Any]]:
        """What the platform's reports of the weeks before held of their week."""
        storage = self._core.storage_service
        found: dict[str, dict[str, Any]] = {}
        names = {f"weekly {self.week.back(back)} {PLATFORM} report.json" for back in range(1, 26)}
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "report.json"
            for item in storage.list_stored("reports", _COMPONENT):
                if item["name"] in names and storage.retrieve(item["id"], path, "reports"):
                    numbers = json.loads(path.read_text("utf-8"))
                    found[numbers["week"]] = numbers["this_week"]
        return found


def make_all(
    reports: WeeklyReports, about: Sequence[str] | None, *, keep: bool, tell: Callable[[Made], None]
) -> list[Made]:
    """Make, and maybe keep and deliver, one after the other."""
    made = []
    for name in about or reports.about():
        one = reports.make(name)
        if keep:
            one = reports.deliver(reports.keep(one))
        tell(one)
        made.append(one)
    return made


def _logical(made: Made, name: str) -> str:
    return f"weekly {made.week} {safe_name(made.about)} {name}"


def _sheet(findings: Sequence[Finding], path: Path) -> Path:
    """Every number that a trend was looked for in, one row each."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("figure", "unit", "day", "value"))
        for one in findings:
            for series in (one.earlier, one.series):
                for day, value in zip(series.days, series.values, strict=True):
                    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))
                    rows.writerow(
                        (series.figure.name, series.figure.unit, date.isoformat(), f"{value:.6g}")
                    )
    return path


def _analysed(instance: dg.DagsterInstance) -> dict[str, datetime.date]:
    """The day on which each video's report was first made."""
    import dagster as dg

    from jarvis_dagster.assets.partitions import VIDEOS

    found: dict[str, datetime.date] = {}
    cursor = None
    while True:
        page = instance.fetch_materializations(
            dg.AssetKey(["holmes", "game_report"]), limit=1000, cursor=cursor, ascending=True
        )
        for record in page.records:
            made = record.asset_materialization
            if made is not None and made.partition:
                day = datetime.datetime.fromtimestamp(record.timestamp, datetime.UTC).date()
                found.setdefault(made.partition, day)
        cursor = page.cursor
        if not page.has_more:
            break
    known = set(instance.get_dynamic_partitions(VIDEOS.name or ""))
    return {key: day for key, day in found.items() if key in known}
