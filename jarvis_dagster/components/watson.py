"""Watson: questions about a game in plain words.

Belongs here: the component on top of the core services. Does not belong here: what words mean and
what a report answers (``hockey/questions``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.components.catalogue import one_game, read_report

if TYPE_CHECKING:
    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Watson"]


class Watson(TSAIComponent):
    """Answers from reports, with evidence; it knows nothing that is not in them."""

    def __init__(self, jarvis_core: JarvisCoreServices) -> None:
        super().__init__("watson", jarvis_core)

    def ask(self, question: str, game: str) -> dict[str, Any]:
        """What the report of a game says of a question.

        Args:
            question: As in "longest shifts in the 2nd".
            game: The key of the game, or how it begins: the name of its video.

        Returns:
            ``text``, ``rows`` (what it rests on, with times and frames), ``understood`` (the
            question as it was understood), ``unused`` (words of it that were not), ``video``.

        Raises:
            BadInputError: the question is not understood, or there is no such game.
            NotSupportedError: the footage does not tell; with the reason.
        """
        from jarvis_dagster.hockey.questions import answer, understand

        asked = understand(question)
        report = read_report(self.jarvis_core, one_game(self.jarvis_core, game))
        return dataclasses.asdict(answer(report, asked))
