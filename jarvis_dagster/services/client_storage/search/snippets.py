"""The part of a text that shows why it matches.

Belongs here: finding words again in a text, choosing the window, marking. Does
not belong here: which texts match (``hits.py``).

FTS5 has a function for it, whose time grows with the square of the number of
matches: a text of one word repeated takes it minutes.
"""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.text import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jarvis_dagster.services.client_storage.search.query import Words

__all__ = ["Marks", "has_words", "snippet"]

Marks = tuple[tuple[int, int], ...]
"""Start and end of each marked word, in characters."""

_WIDTH = 180
_MOST_MATCHES = 200
_WORD = r"[^\W_]"


class _Fold(dict[int, str]):
    """Letters without case and accents, one for one, so that places stay what they are."""

    def __missing__(self, code: int) -> str:
        letter = unicodedata.normalize("NFD", chr(code))[0].lower()[0]
        self[code] = letter
        return letter


_FOLD = _Fold()


def snippet(text: str, wanted: Sequence[Words]) -> tuple[str, Marks]:
    """The window of ``text`` with the most of the wanted words, on one line, and the marks in it.

    Without any of them it is the beginning.
    """
    matches = _matches(_folded(text), wanted)
    start, end = _window(text, matches)
    inside = [(a, b) for a, b, _ in matches if start <= a and b <= end]
    return _on_one_line(text, start, end, _apart(inside))


def has_words(text: str, words: Words) -> bool:
    """Whether a text holds them, as the index would find them."""
    return bool(_matches(_folded(text), [words]))


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLD)


@functools.lru_cache(maxsize=256)
def _pattern(words: Words) -> tuple[str, re.Pattern[str]] | None:
    """How the words begin, and the whole of them, folded; None if there are none."""
    tokens = re.findall(f"{_WORD}+", _folded(words.text))
    if not tokens:
        return None
    end = "" if words.prefix else f"(?!{_WORD})"
    return tokens[0], re.compile(r"[\W_]+".join(map(re.escape, tokens)) + end)


def _matches(folded: str, wanted: Sequence[Words]) -> list[tuple[int, int, int]]:
    """Start, end and number of the words, the first ones of each."""
    found: list[tuple[int, int, int]] = []
    for number, words in enumerate(wanted):
        first, pattern = _pattern(words) or ("", None)
        place, count = folded.find(first) if pattern else -1, 0
        while pattern and place >= 0 and count < _MOST_MATCHES:
            match = pattern.match(folded, place)
            if match and not (place and re.match(_WORD, folded[place - 1])):
                found.append((*match.span(), number))
                count += 1
            place = folded.find(first, match.end() if match else place + 1)
    return sorted(found)


def _window(text: str, matches: list[tuple[int, int, int]]) -> tuple[int, int]:
    """The place with the most different words, then the most words, then the first."""
    best, at = (0, 0), 0
    ends = [match[0] for match in matches]
    for first, (start, _, _) in enumerate(matches):
        inside = matches[first : bisect.bisect(ends, start + _WIDTH)]
        value = (len({number for _, _, number in inside}), len(inside))
        if value > best:
            best, at = value, start
    start = max(0, at - _WIDTH // 4)
    if start:
        blank = re.compile(r"\s").search(text, start, at)
        start = blank.end() if blank else start
    end = min(len(text), start + _WIDTH + _WIDTH // 4)
    if end < len(text):
        blank_at = max(text.rfind(" ", start + _WIDTH, end), text.rfind("\n", start + _WIDTH, end))
        end = blank_at if blank_at > 0 else end
    return start, end


def _apart(marks: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Marks of several words that overlap are one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _on_one_line(
    text: str, start: int, end: int, marks: Sequence[tuple[int, int]]
) -> tuple[str, Marks]:
    parts: list[str] = ["…"] if start else []
    placed: list[tuple[int, int]] = []
    here = start
    length = len(parts)
    for a, b in [*marks, (end, end)]:
        for is_mark, piece in ((False, text[here:a]), (True, text[a:b])):
            shown = re.sub(r"\s+", " ", readable(piece))
            if is_mark and shown:
                placed.append((length, length + len(shown)))
            parts.append(shown)
            length += len(shown)
        here = b
    return "".join(parts) + ("…" if end < len(text) else ""), tuple(placed)
