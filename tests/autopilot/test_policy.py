"""When something is done about a camera, and when not."""

from __future__ import annotations

import datetime

from jarvis_dagster.hockey.adaptation import Limits, Standing, plan
from jarvis_dagster.hockey.adaptation.policy import Change

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
LOW, GOOD = (0.5,) * 8, (0.95,) * 8


def standing(figures: tuple[float, ...], *past: Change, **more: object) -> Standing:
    given = {"videos": 20, "has_reference": True, "adapted": False, **more}
    return Standing(figures=figures, past=past, **given)  # type: ignore[arg-type]


def attempt(kind: str, hours: float, videos: int = 10, before: float | None = 0.6) -> Change:
    return Change(NOW - datetime.timedelta(hours=hours), kind, before, videos)


def test_what_is_decided() -> None:
    limits = Limits()
    cases = {
        "gather": standing(()),
        "nothing": standing(GOOD),
        "watch": standing((0.5, 0.5, 0.5)),
        "adapt": standing(LOW),
    }
    for action, case in cases.items():
        made = plan(case, limits, NOW)
        assert made.action == action, made
        assert made.why


def test_it_waits_for_cooldown_and_budgets() -> None:
    limits = Limits(cooldown_hours=6, cooldown_videos=3, changes_a_week=2)
    fresh = plan(standing(LOW, attempt("kept", 2)), limits, NOW)
    assert (fresh.action, "2.0 hours ago" in fresh.why) == ("wait", True)
    few = plan(standing(LOW, attempt("kept", 20, videos=19)), limits, NOW)
    assert (few.action, "Only 1 videos" in few.why) == ("wait", True)
    often = [attempt("adapted", 90, before=0.2), attempt("adapted", 80, before=0.2)]
    many = plan(standing(LOW, *often, adapted=True), limits, NOW)
    assert (many.action, "2 changes" in many.why) == ("wait", True)
    spent = plan(standing(LOW, cpu_minutes_today=60.0), limits, NOW)
    assert (spent.action, "CPU minutes" in spent.why) == ("wait", True)
    assert plan(standing(LOW, attempt("kept", 20, videos=15)), limits, NOW).action == "adapt"


def test_a_change_that_makes_it_worse_is_taken_back() -> None:
    limits = Limits()
    worse = plan(
        standing((0.4,) * 8, attempt("adapted", 1, before=0.75), adapted=True), limits, NOW
    )
    assert worse.action == "rollback"
    assert "0.73" in worse.why
    # Cooldown and budgets hold nobody back from that; what helped a little stays.
    helped = plan(
        standing((0.7,) * 8, attempt("adapted", 1, before=0.6), adapted=True), limits, NOW
    )
    assert helped.action == "watch"
    # What was taken back already is not taken back again.
    back = plan(standing((0.4,) * 8, attempt("rolled_back", 100)), limits, NOW)
    assert back.action == "adapt"
