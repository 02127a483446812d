"""Which snapshots the rules keep."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from jarvis_dagster.services.backup.config import RetentionConfig
from jarvis_dagster.services.backup.manifest import Snapshot
from jarvis_dagster.services.backup.retention import kept

START = datetime.datetime(2026, 1, 1, 3, tzinfo=datetime.UTC)


def made(after: datetime.timedelta) -> Snapshot:
    created = START + after
    return Snapshot(f"{created:%Y%m%dt%H%M%S}", created, (), 0, 0, 0)


def test_a_year_of_nights_keeps_days_weeks_and_months() -> None:
    nights = [made(datetime.timedelta(days=day)) for day in range(365)]
    stay = kept(nights, RetentionConfig(last=3, daily=7, weekly=4, monthly=12))
    dates = sorted(one[:8] for one in stay)
    assert dates[-7:] == [f"202612{day}" for day in range(25, 32)]
    assert {f"2026{month:02}" for month in range(1, 13)} == {one[:6] for one in dates}
    assert "20260131" in dates  # the newest of January
    assert len(dates) == 7 + 2 + 11  # days, Sundays before them, ends of months before


def test_many_a_day_keep_the_newest_of_each_day() -> None:
    hours = [made(datetime.timedelta(hours=hour)) for hour in range(72)]
    stay = kept(hours, RetentionConfig(last=1, daily=2, weekly=0, monthly=0))
    assert sorted(stay) == ["20260103t235959"[:9] + "230000", "20260104t020000"]


@given(
    st.lists(st.integers(0, 10_000_000), unique=True, max_size=60),
    st.builds(
        RetentionConfig,
        last=st.integers(1, 5),
        daily=st.integers(0, 5),
        weekly=st.integers(0, 5),
        monthly=st.integers(0, 5),
    ),
)
def test_the_rules_never_lose_the_newest_and_are_stable(
    seconds: list[int], rules: RetentionConfig
) -> None:
    snapshots = [made(datetime.timedelta(seconds=one)) for one in seconds]
    stay = kept(snapshots, rules)
    assert stay <= {one.id for one in snapshots}
    newest = sorted(snapshots, key=lambda one: one.created)[-rules.last :]
    assert {one.id for one in newest} <= stay
    assert len(stay) <= rules.last + rules.daily + rules.weekly + rules.monthly
    assert kept([one for one in snapshots if one.id in stay], rules) == stay
