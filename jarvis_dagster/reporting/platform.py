"""The report of the platform for a week: what it did, what failed, what it holds.

Belongs here: numbers from Dagster's history, the store, the models and the outbox. Does not
belong here: pages, live metrics (``services/analytics``).
"""

from __future__ import annotations

import dataclasses
import datetime
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.hockey.trends import Figure, Finding, Series, analyse
from jarvis_dagster.reporting.team import finding_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import dagster as dg

    from jarvis_dagster.reporting.games import Game
    from jarvis_dagster.reporting.weeks import Week
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["FIGURES", "Run", "platform_numbers", "runs_between"]

SCHEMA_VERSION = "1.0"
WEEKS = 26
"""Over how many weeks trends are looked for."""
FIGURES = (
    Figure("videos", "Videos analysed", "", "", 0, "Whose results reached the drive."),
    Figure("hours", "Hours of video", "h", "", 1, "Of the videos analysed."),
    Figure("failed_share", "Runs that failed", "%", "down", 1, "Of all that ended."),
    Figure("speed", "Speed of analysis", "x", "up", 2, "Seconds of video a second of work."),
    Figure("corrections", "Corrections by people", "", "", 0, "In files that were read."),
    Figure("stored_gb", "Stored", "GB", "", 1, "In all buckets, at the week's report."),
)
_MOST_FAILURES = 12
_JOB = "process_video"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of Dagster that ended; times in seconds since 1970."""

    run_id: str
    job: str
    status: str
    partition: str
    start: float
    end: float


def runs_between(instance: dg.DagsterInstance, start: float, end: float) -> list[Run]:
    """The runs that ended in a stretch of time, the oldest first."""
    import dagster as dg

    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    # A run is written for the last time when it ends, or a little later.
    asked = dg.RunsFilter(
        statuses=ended, updated_after=datetime.datetime.fromtimestamp(start, datetime.UTC)
    )
    found = [
        Run(
            record.dagster_run.run_id,
            record.dagster_run.job_name,
            record.dagster_run.status.value,
            record.dagster_run.tags.get("dagster/partition", ""),
            float(record.start_time or record.end_time),
            float(record.end_time),
        )
        for record in instance.get_run_records(asked)
        if record.end_time is not None and start <= record.end_time < end
    ]
    return sorted(found, key=lambda run: (run.end, run.run_id))


def platform_numbers(
    week: Week,
    *,
    instance: dg.DagsterInstance,
    core: JarvisCoreServices,
    games: Sequence[Game],
    earlier: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], list[Finding]]:
    """What ``report.json`` of the platform holds, and the findings behind it.

    Args:
        earlier: Of the weeks before, what their report held of this week's figures.
    """
    weeks = [week.back(back) for back in range(WEEKS - 1, -1, -1)]
    runs = runs_between(instance, weeks[0].seconds()[0], week.seconds()[1])
    minutes = {game.key: game.minutes for game in games}
    rows = {one: _of_week(one, runs, minutes, instance) for one in weeks}
    first_run = min((run.end for run in runs), default=None)
    missing: list[str] = []
    rows[week]["stored_gb"] = _asked("the object store", missing, lambda: _stored_gb(core))
    for one in weeks[:-1]:
        rows[one]["stored_gb"] = earlier.get(str(one), {}).get("stored_gb")
    # Weeks before Jarvis ran are no weeks without videos.
    lived = [one for one in weeks if first_run is not None and one.seconds()[1] > first_run]
    series = [
        Series.of(figure, [(one.monday, rows[one][figure.name]) for one in lived])
        for figure in FIGURES
    ]
    findings, asked = analyse(series, week.monday, season_starts=(weeks[0].monday.month, 1))
    numbers = {
        "schema_version": SCHEMA_VERSION,
        "kind": "platform",
        "week": str(week),
        "first_day": week.monday.isoformat(),
        "last_day": week.sunday.isoformat(),
        "this_week": rows[week],
        "weeks": {str(one): rows[one] for one in lived},
        "failures": _failures(week, runs, instance),
        "models": _asked("MLflow", missing, lambda: _moves(week, core)) or [],
        "told": _asked("the outbox", missing, lambda: _told(week, core)) or [],
        "figures": finding_rows([one for one in findings if len(one.series)], "week"),
        "questions_asked": asked,
        "notes": missing,
    }
    return numbers, [one for one in findings if len(one.series)]


def _of_week(
    week: Week, runs: Sequence[Run], minutes: Mapping[str, float], instance: dg.DagsterInstance
) -> dict[str, Any]:
    start, end = week.seconds()
    here = [run for run in runs if start <= run.end < end]
    done = [run for run in here if run.job == _JOB and run.status == "SUCCESS"]
    videos = {run.partition for run in done}
    speeds = [
        60 * minutes[run.partition] / (run.end - run.start)
        for run in done
        if run.partition in minutes and run.end > run.start
    ]
    counted = [run for run in here if run.status != "CANCELED"]
    failed = sum(run.status == "FAILURE" for run in counted)
    return {
        "videos": len(videos),
        "hours": round(sum(minutes.get(key, 0.0) for key in videos) / 60, 2),
        "runs": len(here),
        "failed": failed,
        "failed_share": round(100 * failed / len(counted), 2) if counted else None,
        "speed": round(statistics.median(speeds), 3) if speeds else None,
        "corrections": _corrections(instance, start, end),
    }


def _corrections(instance: dg.DagsterInstance, start: float, end: float) -> int:
    """Of each video the newest reading of its file in the week."""
    import dagster as dg

    found: dict[str, int] = {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(["spotlight", "corrections"]),
            after_timestamp=start,
            before_timestamp=end,
        ),
        limit=1000,
        ascending=True,
    ).records
    for record in records:
        made = record.asset_materialization
        if made is not None and "corrections" in made.metadata:
            found[made.partition or ""] = int(str(made.metadata["corrections"].value))
    return sum(found.values())


def _failures(
    week: Week, runs: Sequence[Run], instance: dg.DagsterInstance
) -> list[dict[str, Any]]:
    """What failed, the most frequent first: asset, error, how often, the last video."""
    import dagster as dg

    start, end = week.seconds()
    failed = [run for run in runs if run.status == "FAILURE" and start <= run.end < end]
    count: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], str] = {}
    for run in failed[-200:]:
        steps = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        causes = [_cause(entry) for entry in steps] or [(run.job, "The run ended without a step.")]
        for cause in causes:
            count[cause] += 1
            last[cause] = run.partition
    return [
        {"asset": asset, "error": error, "times": times, "video": last[asset, error]}
        for (asset, error), times in count.most_common(_MOST_FAILURES)
    ]


def _cause(entry: dg.EventLogEntry) -> tuple[str, str]:
    event = entry.dagster_event
    assert event is not None
    data = event.step_failure_data
    own = data.user_failure_data
    error = own.description if own is not None else ""
    if not error and data.error is not None:
        error = data.error.message.strip().splitlines()[0]
    return (event.step_key or "").replace("__", "/"), (error or "")[:200]


def _stored_gb(core: JarvisCoreServices) -> float:
    return round(core.storage_service.size_bytes() / 1e9, 3)


def _moves(week: Week, core: JarvisCoreServices) -> list[dict[str, str]]:
    """Aliases of models that moved in the week."""
    service = core.experiment_service
    first, after = week.monday.isoformat(), week.after.isoformat()
    return [
        {
            "model": name,
            "at": move.at,
            "alias": move.alias,
            "from": move.came_from or "none",
            "to": move.to or "none",
            "by": move.by,
            "why": move.why,
        }
        for name in service.models()
        for move in service.moves(name)
        if first <= move.at < after
    ]


def _told(week: Week, core: JarvisCoreServices) -> list[dict[str, Any]]:
    """Messages of the week by event and what became of them."""
    start, end = week.seconds()
    found: Counter[tuple[str, str, str]] = Counter()
    for message in core.notification_service.messages(limit=5000):
        if start <= message.first_at < end:
            found[message.notice.event, message.notice.severity, message.state] += message.count
    return [
        {"event": event, "severity": severity, "state": state, "times": times}
        for (event, severity, state), times in found.most_common()
    ]


def _asked(name: str, missing: list[str], ask: Callable[[], Any]) -> Any:
    """The answer; where nobody answers, a note, and None."""
    try:
        return ask()
    except JarvisError as error:
        missing.append(f"Without {name}: {error}")
        return None
