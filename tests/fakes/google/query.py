"""The search queries of ``files.list``.

Belongs here: their grammar and meaning. Does not belong here: which files
there are.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from tests.fakes.google.errors import ApiError

__all__ = ["Test", "parse_query"]

Test = Callable[[dict[str, Any]], bool]
"""Whether a file, given with ``_text`` and ``_words``, is looked for."""

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(<=|>=|!=|[=<>()])|([A-Za-z][\w.]*))", re.DOTALL)
_TIMES = {"modifiedTime", "createdTime", "viewedByMeTime"}
_FLAGS = {"trashed", "starred"}
_TEXTS = {"name", "mimeType", "shortcutDetails.targetId"}


def parse_query(query: str) -> Test:
    """A test for files.

    Raises:
        ApiError: 400, as Google answers to a query that it cannot read.
    """
    parser = _Parser(query)
    test = parser.either()
    if parser.tokens:
        raise parser.invalid()
    return test


def words(text: str) -> list[str]:
    """The tokens that search looks at."""
    return re.findall(r"\w+", text.casefold())


class _Parser:
    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while query[position:].strip():
            found = _TOKEN.match(query, position)
            if not found:
                raise self.invalid()
            literal, sign, word = found.groups()
            if literal is not None:
                self.tokens.append(("literal", re.sub(r"\\(.)", r"\1", literal, flags=re.DOTALL)))
            else:
                self.tokens.append(("word" if word else "sign", word or sign))
            position = found.end()

    def invalid(self) -> ApiError:
        return ApiError(400, "invalid", f"Invalid Value: {self.query!r}")

    def take(self, kind: str, *values: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind:
            raise self.invalid()
        value = self.tokens[0][1]
        if values and value not in values:
            raise self.invalid()
        del self.tokens[0]
        return value

    def sees(self, kind: str, value: str) -> bool:
        return bool(self.tokens) and self.tokens[0] == (kind, value)

    def either(self) -> Test:
        tests = [self.both()]
        while self.sees("word", "or"):
            self.take("word")
            tests.append(self.both())
        return lambda file: any(test(file) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self.sees("word", "and"):
            self.take("word")
            tests.append(self.single())
        return lambda file: all(test(file) for test in tests)

    def single(self) -> Test:
        if self.sees("word", "not"):
            self.take("word")
            test = self.single()
            return lambda file: not test(file)
        if self.sees("sign", "("):
            self.take("sign")
            test = self.either()
            self.take("sign", ")")
            return test
        if self.tokens and self.tokens[0][0] == "literal":
            value = self.take("literal")
            self.take("word", "in")
            self.take("word", "parents")
            return lambda file: value in file.get("parents", [])
        return self.term(self.take("word"))

    def term(self, field: str) -> Test:
        if field in _FLAGS:
            sign = self.take("sign", "=", "!=")
            wanted = (self.take("word", "true", "false") == "true") == (sign == "=")
            return lambda file: bool(file.get(field)) == wanted
        if field in _TIMES:
            return self.time(field)
        if field == "fullText":
            self.take("word", "contains")
            return _full_text(self.take("literal"))
        if field not in _TEXTS:
            raise self.invalid()
        if self.sees("word", "contains"):
            self.take("word")
            value = self.take("literal")
            if field == "name":
                return _name_contains(value)
            return lambda file: str(file.get(field, "")).startswith(value)
        sign = self.take("sign", "=", "!=")
        value = self.take("literal").casefold()
        return lambda file: (_text_of(file, field).casefold() == value) == (sign == "=")

    def time(self, field: str) -> Test:
        sign = self.take("sign")
        value = datetime.datetime.fromisoformat(self.take("literal"))

        def test(file: dict[str, Any]) -> bool:
            time = datetime.datetime.fromisoformat(file[field])
            return {
                "<": time < value,
                ">": time > value,
                "=": time == value,
                "<=": time <= value,
                ">=": time >= value,
                "!=": time != value,
            }[sign]

        return test


def _text_of(file: dict[str, Any], field: str) -> str:
    for part in field.split("."):
        file = file.get(part, {})  # type: ignore[assignment]
    return file if isinstance(file, str) else ""


def _name_contains(value: str) -> Test:
    wanted = words(value)

    def test(file: dict[str, Any]) -> bool:
        have = words(file["name"])
        return bool(wanted) and all(any(w.startswith(v) for w in have) for v in wanted)

    return test


def _full_text(value: str) -> Test:
    phrase = value.startswith('"') and value.endswith('"') and len(value) > 1
    if value.count('"') % 2:
        raise ApiError(400, "invalid", "A quotation mark is missing")
    wanted = words(value)

    def test(file: dict[str, Any]) -> bool:
        have = words(f"{file['name']} {file['_text']()}")
        if phrase:
            return f" {' '.join(wanted)} " in f" {' '.join(have)} "
        return bool(wanted) and set(wanted) <= set(have)

    return test
