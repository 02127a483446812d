"""Which readings fit together over time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.hockey.scoreboard.steadying import steady_clock, steady_count


def test_a_misread_clock_is_dropped_and_a_new_period_is_not():
    times = np.arange(40.0)
    shown = np.where(times < 20, 15 - np.minimum(times, 12), 1200 - (times - 20))
    wrong = shown.copy()
    wrong[5] = 700.0
    wrong[[8, 9]] = np.nan
    wrong[30] = 119.0
    kept = steady_clock(times, wrong, np.full(40, 0.9))
    assert set(np.flatnonzero(~kept)) == {5, 8, 9, 30}


def test_a_clock_that_counts_up():
    times = np.arange(0.0, 30.0, 1.5)
    kept = steady_clock(times, 100 + times, np.ones(20))
    assert kept.all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=60),
    st.lists(st.integers(0, 59), max_size=5),
    st.integers(0, 1200),
)
def test_what_is_kept_never_runs_backwards(stands, wrong, misread):
    times = np.arange(float(len(stands)))
    shown = np.round(900 - np.cumsum([1.0 if s > 0.3 else 0.0 for s in stands]))
    for at in wrong:
        if at < len(shown):
            shown[at] = misread
    kept = steady_clock(times, shown, np.full(len(shown), 0.9))
    steps = np.diff(shown[kept])
    jumps = steps > 1.3
    assert jumps.sum() * 3 <= len(shown)
    assert kept.any()


def test_goals_only_rise_and_a_lone_reading_is_no_goal():
    values = [0, 0, 0, 8, 0, None, 1, 1, 0, 1, 1, 1, 7]
    kept = steady_count(values, [0.9] * len(values))
    believed = [v if k else None for v, k in zip(values, kept, strict=True)]
    assert believed == [0, 0, 0, None, 0, None, 1, 1, None, 1, 1, 1, None]


def test_little_is_believed_as_it_is():
    assert steady_count([None, 2], [0.0, 0.9]).tolist() == [False, True]
    assert not steady_count([None, None], [0.0, 0.0]).any()
