"""Questions about a game in plain words, answered from its report.

Belongs here: which questions there are, and their answers with evidence. Does not belong here:
finding reports (``components``), how an answer is printed (``commands``).
"""

from jarvis_dagster.hockey.questions.answers import Answer, answer
from jarvis_dagster.hockey.questions.asked import Asked, examples, understand

__all__ = ["Answer", "Asked", "answer", "examples", "understand"]
