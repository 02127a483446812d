"""The text that is indexed and asked for: one form for both.

Belongs here: Unicode forms, what separates words, words inside names. Does not
belong here: reading files (``reading``), the language of queries (``query.py``).
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean", "normal", "readable", "words_of_name"]

_JOINT = "\u200b"
"""Separates words without being seen: put between signs of scripts without spaces."""

# Han, Hiragana and Katakana are written without spaces: each sign becomes a word,
# and a word of several signs a phrase. What joins them is taken out of snippets.
_SIGN = "\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_BEFORE_SIGN = re.compile(rf"(?<=\w)(?=[{_SIGN}])|(?<=[{_SIGN}])(?=\w)")
_HAS_SIGN = re.compile(rf"[{_SIGN}]")
# Also the joint itself, soft hyphens, and what else is not seen but splits words.
_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
_WORD_IN_NAME = re.compile(
    r"[A-Z\u00c0-\u00de]?[a-z\u00df-\u00ff]+|[A-Z\u00c0-\u00de]+(?![a-z\u00df-\u00ff])|\d+"
)


def normal(text: str) -> str:
    """``text`` in the form in which it is indexed and asked for.

    NFKC, so that ligatures of PDFs and full-width letters are what they look
    like. Case and accents are folded by the index itself.
    """
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    if _HAS_SIGN.search(text):
        text = _BEFORE_SIGN.sub(_JOINT, text)
    return _CONTROL.sub(" ", text)


def readable(text: str) -> str:
    """Indexed text as a person reads it."""
    return text.replace(_JOINT, "")


def clean(text: str) -> str:
    """Extracted text without runs of blanks and empty lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def words_of_name(name: str) -> str:
    """A name, and the words that are run together in it: ``GameReport12``, ``Game Report 12``."""
    stem = name.rpartition(".")[0] or name
    inside = [word for part in re.split(r"[\W_]+", stem) for word in _split(part)]
    return " ".join([normal(name), *map(normal, inside)])


def _split(part: str) -> list[str]:
    words = _WORD_IN_NAME.findall(part)
    return words if len(words) > 1 else []
