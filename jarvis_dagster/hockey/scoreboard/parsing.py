"""What the texts of a scoreboard mean.

Belongs here: one text to a clock, a period or goals. Does not belong here: where the text was,
what was read before or after it.
"""

from __future__ import annotations

import re

__all__ = ["OVERTIME", "clock_of", "goals_of", "is_only_a_clock", "names_a_team", "period_of"]

OVERTIME = 4
_LONGEST_S = 20 * 60.0
_MOST_GOALS = 19
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,3})\s?:\s?(\d{2})(?:\.\d)?(?!\d)")
_TENTHS = re.compile(r"^:?(\d{1,2})\.(\d)$")
_PERIODS = (
    (re.compile(r"^(?:PER(?:IOD)?|P|Q)?\.?\s?([1-3])(?:ST|ND|RD)(?:\s?PER(?:IOD)?)?$"), None),
    (re.compile(r"^(?:PER(?:IOD)?|P)\.?\s?([1-3])$"), None),
    (re.compile(r"^([1-3])\s?/\s?3$"), None),
    (re.compile(r"^([1-3])\.\s?(?:PER|DRITTEL|PERIOD|PERIODE|ERÄ|TRETINA)\.?$"), None),
    (re.compile(r"^(?:[1-9]?OT|OVERTIME|SO|SHOOTOUT|VERL|ET)\d?$"), OVERTIME),
)
_LOOKALIKES = {"O": "0", "o": "0", "D": "0", "Q": "0", "I": "1", "l": "1", "i": "1"}


def clock_of(text: str) -> float | None:
    """Seconds that a game clock shows: ``12:34``, ``1ST 12:34`` or, in the last minute, ``34.5``.

    None for what is no clock of a period of 20 minutes.
    """
    text = text.strip()
    found = _CLOCK.search(text.replace("O", "0").replace("o", "0"))
    if found:
        # Three digits: goals that stand before the clock were read with it, as in "0 18:00".
        total = 60.0 * int(found[1][-2:]) + int(found[2])
        return total if int(found[2]) < 60 and total <= _LONGEST_S else None
    found = _TENTHS.match(text)
    if found and int(found[1]) < 60:
        return int(found[1]) + int(found[2]) / 10
    return None


def is_only_a_clock(text: str) -> bool:
    """Whether nothing but a clock was read."""
    return re.fullmatch(r"\d{1,2}:\d{2}", text.strip()) is not None


def period_of(text: str) -> int | None:
    """1, 2, 3, or 4 for overtime and shoot-out: ``2nd``, ``P2``, ``2/3``, ``OT``."""
    words = _CLOCK.sub(" ", text).strip().upper().replace("IST", "1ST").replace("1S7", "1ST")
    words = re.sub(r"\s+", " ", words)
    for pattern, fixed in _PERIODS:
        found = pattern.match(words)
        if found:
            return fixed or int(found[1])
    return None


def goals_of(text: str) -> int | None:
    """Goals of one team: ``3``, or with the team's name ``PHI 3``."""
    text = text.strip()
    text = _LOOKALIKES.get(text, text)
    if period_of(text) is not None or clock_of(text) is not None:
        return None
    found = re.fullmatch(r"(?:[^\W\d][^\d]*\s?)?(\d{1,2})", text) or re.fullmatch(
        r"(\d{1,2})(?:\s[^\d]*[^\W\d])", text
    )
    return int(found[1]) if found and int(found[1]) <= _MOST_GOALS else None


def names_a_team(text: str) -> str:
    """The letters of a text that may be a team's name; empty when it cannot be."""
    letters = re.sub(r"[^\w ]|\d", "", text).strip()
    if not 2 <= len(letters) <= 16 or period_of(text) is not None:
        return ""
    return "" if set(letters) <= set(_LOOKALIKES) else letters
