"""Text in pictures: where it is, and what it says.

Belongs here: the two networks and their answers. Does not belong here: what a text means
(``hockey/scoreboard``, ``hockey/jerseys``).
"""

from jarvis_dagster.hockey.text.finder import TextBox, TextFinder
from jarvis_dagster.hockey.text.reader import Reading, TextReader

__all__ = ["Reading", "TextBox", "TextFinder", "TextReader"]
