"""Trends: what changes over games or weeks, and whether it may as well be chance.

Belongs here: pure statistics on a few dozen numbers in the order of time, and their sentences.
Does not belong here: where the numbers come from, pages.
"""

from jarvis_dagster.hockey.trends.analysis import Finding, analyse
from jarvis_dagster.hockey.trends.changes import Change, changes, changes_p_value
from jarvis_dagster.hockey.trends.seasons import Comparison, compare, season_of
from jarvis_dagster.hockey.trends.series import Figure, Series
from jarvis_dagster.hockey.trends.slope import Slope, slope

__all__ = [
    "Change",
    "Comparison",
    "Figure",
    "Finding",
    "Series",
    "Slope",
    "analyse",
    "changes",
    "changes_p_value",
    "compare",
    "season_of",
    "slope",
]
