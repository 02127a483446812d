"""Where readers put what they find: no more than wanted is kept.

Belongs here: the values that readers share. Does not belong here: any format.
"""

from __future__ import annotations

import dataclasses

__all__ = ["FullError", "Reading", "Sink", "UnreadableError"]


class UnreadableError(Exception):
    """The file holds no text that can be read; the message continues "The file ..."."""


class FullError(Exception):
    """The sink has all the text it wants; a reader need not catch it."""


@dataclasses.dataclass
class Reading:
    """What a file says.

    Attributes:
        format: What the file turned out to be.
        text: Its text, in reading order.
        about: Its title, author, subject and keywords, one a line.
        truncated: Whether there was more text than wanted.
    """

    format: str
    text: str = ""
    about: str = ""
    truncated: bool = False


class Sink:
    """Collects text up to ``limit`` characters.

    Attributes:
        about: Title, author and the like, as the reader comes across them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.about: list[str] = []
        self._parts: list[str] = []
        self._room = limit

    def add(self, text: str) -> None:
        """Keep ``text``.

        Raises:
            FullError: there is no more room.
        """
        self._parts.append(text[: self._room])
        self._room -= len(text)
        if self._room < 0:
            raise FullError

    def line(self, text: str) -> None:
        """Keep ``text`` as a line of its own."""
        self.add(text)
        self.add("\n")

    @property
    def text(self) -> str:
        """What was kept."""
        return "".join(self._parts)
