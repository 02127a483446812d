"""Text, web pages, captions and JSON.

Belongs here: formats that are text themselves. Does not belong here: packed or
binary formats (``documents.py``, ``word.py``, ``tables.py``).
"""

from __future__ import annotations

import codecs
import html.parser
import json
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.reading.sink import Sink, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["READERS", "decode", "read_captions", "read_html", "read_json", "read_text"]

_BYTES_A_CHARACTER = 4
_MARKUP_SHARE = 8  # pages are mostly markup, scripts and pictures
_JSON_BYTES = 8 << 20  # objects take many times that
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLOCKS = {
    *("p", "div", "br", "li", "ul", "ol", "tr", "td", "th", "table", "section", "article", "main"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "figcaption", "header", "footer"),
    *("dt", "dd", "hr", "option", "title", "caption", "nav", "aside", "form", "label", "summary"),
}
_SILENT = {"script", "style", "template", "noscript"}
_TIMING = re.compile(r"-->")
_CUE_NUMBER = re.compile(r"\d+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<[\d:.]{5,20}>|\{\\[^{}]{0,50}\}")


def decode(data: bytes) -> str:
    """Text of bytes in whatever encoding they are likely to be.

    Raises:
        UnreadableError: they are not text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    sample = data[:65_536]
    if sample.count(0) > len(sample) // 5:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) > 8 * min(even, odd):
            return data.decode("utf-16-be" if even > odd else "utf-16-le", "replace")
    strange = sum(sample.count(code) for code in (*range(9), *range(14, 27), *range(28, 32)))
    if strange > max(4, len(sample) // 50):
        raise UnreadableError("is not text")
    try:
        # What was read may end within a character.
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        # A few damaged bytes in UTF-8 are no reason to misread all other letters.
        text = data.decode("utf-8", "replace")
        multibyte = sum(1 for sign in text[:100_000] if sign > "\x7f" and sign != "\ufffd")
        broken = text[:100_000].count("\ufffd")
        return text if multibyte > broken else data.decode("cp1252", "replace")


def read_text(path: Path, sink: Sink) -> None:
    """Plain text, also CSV and Markdown; only the part that is wanted is read."""
    sink.add(decode(_head(path, _BYTES_A_CHARACTER * (sink.limit + 1))))


def read_html(path: Path, sink: Sink) -> None:
    """A web page without scripts, styles and markup; its title and description."""
    page = _Page(sink)
    data = _head(path, _BYTES_A_CHARACTER * _MARKUP_SHARE * (sink.limit + 1))
    # Pictures inside the page are most of it, and cost the parser its time.
    text = re.sub(r"data:[\w/+.;=-]{0,100},[A-Za-z0-9+/=%]+", "", decode(data))
    for start in range(0, len(text), 1 << 16):
        page.feed(text[start : start + (1 << 16)])
    page.close()


class _Page(html.parser.HTMLParser):
    def __init__(self, sink: Sink) -> None:
        super().__init__(convert_charrefs=True)
        self._sink = sink
        self._silent = ""
        self._title = False
        self._at_start = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent = tag
        elif tag in _BLOCKS:
            self._end_line()
            self._title = tag == "title"
        values = dict(attrs)
        if tag == "meta" and values.get("name") in ("description", "keywords", "author"):
            self._sink.about.append(values.get("content") or "")
        if tag in ("img", "video") and (said := values.get("alt") or values.get("title")):
            self._sink.add(f" {said} ")
            self._at_start = False

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag in _BLOCKS:
            self._end_line()
        self._title = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._title:
            self._sink.about.append(data)
        self._sink.add(re.sub(r"\s+", " ", data))
        self._at_start = self._at_start and not data.strip()

    def _end_line(self) -> None:
        if not self._at_start:
            self._sink.add("\n")
            self._at_start = True


def read_captions(path: Path, sink: Sink) -> None:
    """What is said in subtitles (SubRip, WebVTT), without numbers, times and markup."""
    lines = decode(_head(path, _BYTES_A_CHARACTER * 2 * (sink.limit + 1))).splitlines()
    before = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        text = line.strip()
        named = _TIMING.search(following) is not None  # the number or name of the cue below
        if text == "WEBVTT" or _TIMING.search(text) or (named and _CUE_NUMBER.fullmatch(text)):
            continue
        said = _TAG.sub("", text)
        # Captions that roll up repeat the line before.
        if said and said != before:
            sink.line(said)
        before = said or before


def read_json(path: Path, sink: Sink) -> None:
    """Keys and values of a JSON document, one a line; text where it is not one."""
    if path.stat().st_size > _JSON_BYTES:
        read_text(path, sink)
        return
    text = decode(path.read_bytes())
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        sink.add(text)
        return
    if isinstance(document, dict) and isinstance(document.get("title"), str):
        sink.about.append(document["title"])
    _tell(document, sink)


def _tell(document: Any, sink: Sink) -> None:
    """Every leaf with the key that leads to it; not recursive: nesting may be deep."""
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            if key:
                sink.line(key)
            pending.extend((str(k).replace("_", " "), v) for k, v in reversed(value.items()))
        elif isinstance(value, list):
            pending.extend((key, item) for item in reversed(value))
        elif value is not None and value != "":
            sink.line(f"{key}: {value}" if key else str(value))


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)


READERS: dict[str, Callable[[Path, Sink], None]] = {
    "text": read_text,
    "html": read_html,
    "captions": read_captions,
    "json": read_json,
}
"""By format; each puts text, and title, author and the like, into the sink."""
