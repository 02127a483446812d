"""From words to a question.

Belongs here: what is asked, about whom and when. Does not belong here: the answer (``answers``).
Words are matched against a vocabulary, near misses included; what is not understood is told, since
a question that was half understood has another answer.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.questions.vocabulary import HOW, NUMBERS, ROLES, SILENT, SUBJECTS

__all__ = ["Asked", "examples", "understand"]

_LONGEST = 500
_CLOCK = r"(\d+):(\d\d)"
_PERIOD = r"\b(?:(\d)(?:st|nd|rd|th)(?: period)?|(first|second|third) period|(?:period |p)(\d))\b"
_ORDINALS = {"first": 1, "second": 2, "third": 3}
_JERSEY = r"(?:#|\b(?:number|no|player|jersey|of|by|for|did|does|has|is|was) )#?(\d{1,2})\b(?!:)"
_WHEN = r"\b(first|last) (\d+) (minutes?|min|seconds?|sec|s)\b"


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question.

    Attributes:
        subject: A type of event, a measure of people, or score, highlights, trust, summary.
        how: list, count, total, who, longest, shortest, first or last.
        team: ``A``, ``B`` or "" for both.
        jersey: A jersey number; "" for everybody.
        role: player, goalkeeper, referee; "" for any.
        period: Of the game; None for all.
        from_s: Seconds of the video; negative counts from its end.
        to_s: Its end, half-open.
        limit: How many are wanted; None where that was not said.
        unused: Words that were not understood.
    """

    subject: str
    how: str = "list"
    team: str = ""
    jersey: str = ""
    role: str = ""
    period: int | None = None
    from_s: float = 0.0
    to_s: float = math.inf
    limit: int | None = None
    unused: tuple[str, ...] = ()


def examples() -> tuple[str, ...]:
    """Questions of each kind."""
    return (
        "longest shifts in the 2nd",
        "how many zone entries did team A have",
        "who was fastest",
        "time on ice of 26",
        "stoppages between 3:00 and 5:00",
        "last 3 goals",
        "score",
        "can this video be trusted",
    )


def understand(text: str) -> Asked:
    """The question that ``text`` asks.

    Raises:
        BadInputError: nothing in it says what it is about.
    """
    if len(text) > _LONGEST:
        raise BadInputError("That question is too long.", f"Use at most {_LONGEST} characters.")
    found: dict[str, object] = {}
    rest = f" {re.sub(r'[^a-z0-9#: ]+', ' ', _plain(_team(text, found)))} "
    for take in (_interval, _period, _jersey):
        rest = take(rest, found)
    rest = _limit(_spelled(rest), found)
    rest, how = _phrases(rest, HOW, found, "how")
    rest = _role(rest, found)
    if re.search(r"\bgoal\b", rest):  # "goals that A scored": the verb says nothing more
        rest = re.sub(r"\bscored?\b", " ", rest)
    rest, _ = _phrases(rest, SUBJECTS, found, "subject")
    if "subject" not in found and how:  # "who was fastest": the word is both
        _phrases(f" {' '.join(how)} ", SUBJECTS, found, "subject")
    if "subject" not in found:
        raise BadInputError(
            "That question is not understood: it names nothing that a report holds.",
            f"Ask as in: {'; '.join(examples())}.",
        )
    unused = tuple(dict.fromkeys(word for word in rest.split() if word not in SILENT))
    return Asked(**found, unused=unused)  # type: ignore[arg-type]


def _plain(text: str) -> str:
    """Small letters, without the genitive, ``face-off`` as two words."""
    return re.sub(r"['\N{RIGHT SINGLE QUOTATION MARK}]s?\b", "", text.lower()).replace("-", " ")


def _interval(rest: str, found: dict[str, object]) -> str:
    """``between 3:00 and 5:00``, ``after 10:00``, ``first 5 minutes``."""
    if told := re.search(rf"\b(?:between|from) {_CLOCK} (?:and|to|until) {_CLOCK}\b", rest):
        a, b, c, d = map(int, told.groups())
        found |= {"from_s": 60.0 * a + b, "to_s": 60.0 * c + d}
        return rest.replace(told[0], " ")
    if told := re.search(_WHEN, rest):
        seconds = float(told[2]) * (60 if told[3].startswith("min") else 1)
        found |= {"to_s": seconds} if told[1] == "first" else {"from_s": -seconds}
        return rest.replace(told[0], " ")
    for words, name in (("after|since", "from_s"), ("before|until", "to_s")):
        if told := re.search(rf"\b(?:{words}) {_CLOCK}\b", rest):
            found[name] = 60.0 * int(told[1]) + int(told[2])
            rest = rest.replace(told[0], " ")
    return rest


def _period(rest: str, found: dict[str, object]) -> str:
    """``2nd``, ``second period``, ``period 2``, ``p2``, ``overtime``."""
    if told := re.search(_PERIOD, rest):
        number = _ORDINALS[told[2]] if told[2] else int(told[1] or told[3])
    elif told := re.search(r"\b(?:overtime|ot)\b", rest):
        number = 4
    else:
        return rest
    found["period"] = number
    return rest.replace(told[0], " ")


def _jersey(rest: str, found: dict[str, object]) -> str:
    if told := re.search(_JERSEY, rest):
        found["jersey"] = str(int(told[1]))
        return rest.replace(told[0], " ")
    return rest


def _team(rest: str, found: dict[str, object]) -> str:
    """``team A``, ``of B``, ``A's``; a small a is a word of its own."""
    whole = re.search(r"\b(?:team|side) ([ab])\b", rest, re.IGNORECASE)
    if told := whole or re.search(r"\b([AB])\b", rest):
        found["team"] = told[1].upper()
        return rest.replace(told[0], " ")
    return rest


def _limit(rest: str, found: dict[str, object]) -> str:
    """``top 5``, ``3 longest``, ``last three goals``."""
    number = rf"(\d+|{'|'.join(NUMBERS)})"
    ranked = "|".join(word for word in HOW if " " not in word)
    for pattern in (rf"top {number}", rf"{number} (?={ranked})", rf"(?:{ranked}) {number}"):
        if told := re.search(rf"\b{pattern}\b", rest):
            found["limit"] = max(1, NUMBERS.get(told[1]) or int(told[1]))
            found["how"] = "longest"
            return f"{rest[: told.start(1)]} {rest[told.end(1) :]}"
    return rest


def _spelled(rest: str) -> str:
    """Each word in the singular and as the vocabulary spells it."""
    known = {word for phrase in (*SUBJECTS, *HOW, *ROLES) for word in phrase.split()}
    return f" {' '.join(_one(word, known) for word in rest.split())} "


def _one(word: str, known: set[str]) -> str:
    if word in known or word in SILENT or not word.isalpha():
        return word
    for end, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(end) and word.removesuffix(end) + instead in known:
            return word.removesuffix(end) + instead
    near = difflib.get_close_matches(word.removesuffix("s"), known, 1, 0.8) if len(word) > 3 else []
    return near[0] if near else word


def _phrases(
    rest: str, meanings: dict[str, str], found: dict[str, object], name: str
) -> tuple[str, list[str]]:
    """Take the phrases out; the longest says what ``name`` is."""
    taken = []
    for phrase in sorted(meanings, key=len, reverse=True):
        pattern = r"\b" + r" (?:the |a |his |our )?".join(phrase.split()) + r"\b"
        if re.search(pattern, rest):
            rest = re.sub(pattern, " ", rest)
            taken.append(phrase)
            if len(taken) == 1 or found[name] == "who":  # in "who scored first" first decides
                found[name] = meanings[phrase]
    return rest, taken


def _role(rest: str, found: dict[str, object]) -> str:
    for word, role in ROLES.items():
        if re.search(rf"\b{word}\b", rest):
            rest = re.sub(rf"\b{word}\b", " ", rest)
            found["role"] = role
    return rest
