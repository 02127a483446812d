"""The scoreboard in the picture: clock, period, goals.

Belongs here: finding it, reading it, what its readings mean over time. Does not belong here:
reading text as such (``hockey/text``), what follows for the game (``hockey/events``).
"""

from jarvis_dagster.hockey.scoreboard.drawing import clock_text
from jarvis_dagster.hockey.scoreboard.layout import Layout
from jarvis_dagster.hockey.scoreboard.reading import Board, ScoreboardReading, read_scoreboard

__all__ = ["Board", "Layout", "ScoreboardReading", "clock_text", "read_scoreboard"]
